"""The command line: parse, call one function, print."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from importlib import import_module
from keyword import iskeyword
from typing import TYPE_CHECKING, Any, Final

import click
from click.core import ParameterSource

from mgraph import FORMAT_VERSION, __version__
from mgraph.collector import paused_collector
from mgraph.errors import GraphError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, tuple[str, ...]]] = {
    "Make and run": ("new", "run", "trace"),
    "Understand": ("view", "draw", "explain", "step", "gradcheck"),
    "Test": ("check", "test", "diff", "grade"),
    "Train and scale": ("train", "replay"),
    "Share": ("share", "open", "serve", "store", "token"),
    "Convert": ("convert", "export", "import", "derive"),
    "Look up": ("ops", "schema"),
}
"""The commands by purpose, as `mgraph --help` groups them; each is a module of this package."""

_INTERRUPTED: Final = 130
_CLOSED_PIPE: Final = 141
_HELP: Final = "-help"  # click reads it as -h -e -l -p
_DASH_HINTS: Final = {
    "new": "A formula that begins with - goes after --: mgraph new -- '-x*y'",
    "trace": "Options for the script go after --: mgraph trace SCRIPT -o FILE -- --steps 20",
}


class Commands(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """List the commands, in the order of the help."""
        return [name for names in COMMANDS.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.list_commands(ctx):
            return None
        with paused_collector():
            module = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
            command: click.Command = import_module(f"{__name__}.{module}").command
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Split the arguments; `mgraph help run` is `mgraph run --help`, as in git."""
        if args[:1] == ["help"]:
            args = [*args[1:], "--help"]
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or suggest the one that was probably meant."""
        name = args[0]
        if not name.startswith("-") and name not in self.list_commands(ctx):
            if os.path.exists(name):
                hint = f"did you mean: mgraph run {name}"
            else:
                from mgraph.suggestions import closest, did_you_mean  # noqa: PLC0415

                hint = did_you_mean(closest(name, self.list_commands(ctx)))
                hint = hint or f"the commands are {', '.join(self.list_commands(ctx))}"
            message = f"there is no command {name!r}; {hint}"
            raise click.UsageError(message, ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> None:
        """Call a command and exit with its status; print why a graph was refused."""
        try:
            status = super().invoke(ctx)
        except GraphError as error:
            from mgraph.cli.terminal import print_error  # noqa: PLC0415 - needed only here

            print_error(error)
            status = 1
        except MissingExtraError as error:
            click.echo(f"error: {error}", err=True)
            status = 1
        except MemoryError:
            click.echo("error[size]: not enough memory for this graph", err=True)
            status = 1
        except KeyboardInterrupt:
            status = _silent(_INTERRUPTED)
        except BrokenPipeError:
            status = _silent(_CLOSED_PIPE)
        ctx.exit(status if isinstance(status, int) else 0)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Print the commands under their purposes."""
        for purpose, names in COMMANDS.items():
            with formatter.section(purpose):
                commands = filter(None, (self.get_command(ctx, name) for name in names))
                rows = [(x.name or "", x.get_short_help_str(80)) for x in commands]
                formatter.write_dl(rows, col_max=12)


@click.group(
    cls=Commands,
    subcommand_metavar="COMMAND [ARGS]...",
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog=(
        "Diagnostics go to standard error. Exit status: 0 done, 1 if a file is wrong, an "
        "expectation failed or files differ, 2 if the command line is wrong.\n\n"
        'For completion, add  eval "$(_MGRAPH_COMPLETE=bash_source mgraph)"  to ~/.bashrc '
        "(zsh_source or fish_source for other shells). Output is coloured on a terminal only; "
        "NO_COLOR=1 turns colour off, FORCE_COLOR=1 turns it on."
    ),
)
@click.version_option(__version__, message=f"mgraph %(version)s, format {FORMAT_VERSION}")
def cli() -> None:
    """Keep computation graphs in files: run them, see every value and gradient, test with them.

    \b
    Examples:
      mgraph new 'n = x1*w1 + x2*w2 + b; o = tanh(n)' --param w1=-3 --param w2=1 \\
          --param b=6.9 --input x1=2 --input x2=0 -o neuron.json
      mgraph run neuron.json
      mgraph test .
    """  # noqa: D301 - \b is click's


def main() -> None:
    """Run the command line and exit; no traceback if it is interrupted or a pipe is closed."""
    sys.exit(_status())


def _prepare() -> None:
    """Make the standard streams complete and able to take any character; know shell completion."""
    _complete_streams()
    if "_MGRAPH_COMPLETE" in os.environ:
        from mgraph.cli.completion import register  # noqa: PLC0415 - needed only here

        register()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]


def _complete_streams() -> None:
    """Replace standard streams that were closed before the start by the null device."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _status() -> int:
    try:
        _prepare()
        status = _run()
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _silent(_INTERRUPTED)
    except OSError as error:
        if error.errno == errno.EPIPE:
            return _silent(_CLOSED_PIPE)
        return _silent(1, keep_stderr=_is_told(error))
    return status


def _is_told(error: OSError) -> bool:
    """Report on standard error that nothing can be written; return whether that worked."""
    try:
        click.echo(f"error[io]: can't write to standard output: {error.strerror}", err=True)
    except OSError:
        return False
    return True


def _run() -> int:
    try:
        result: Any = cli(prog_name="mgraph", standalone_mode=False, color=_colour())
    except click.Abort:
        return _silent(_INTERRUPTED)
    except click.ClickException as error:
        _printable(_with_hint(error)).show()
        return error.exit_code
    return result if isinstance(result, int) else 0


def _colour() -> bool | None:
    """Return whether the environment turns colour on or off; None if the terminal decides."""
    if os.environ.get("NO_COLOR"):
        return False
    return True if os.environ.get("FORCE_COLOR") else None


def _with_hint(error: click.ClickException) -> click.ClickException:
    """Add an example of what to type where click only says what is wrong."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is None:
        return error
    if isinstance(error, click.NoSuchOption) and _HELP in sys.argv and error.option_name == "-e":
        return click.UsageError(f"No such option '{_HELP}': did you mean --help?", context)
    command, hint = context.command, ""
    if isinstance(error, click.MissingParameter):
        hint = _example(command.help or "", context.command_path)
    elif isinstance(error, click.BadParameter) and error.param is not None:
        hint = _origin(error.param, context)
    elif isinstance(error, click.NoSuchOption) and isinstance(command, click.Group):
        hint = "Options go after the command: mgraph run GRAPH --json"
    elif isinstance(error, click.NoSuchOption):
        hint = _DASH_HINTS.get(command.name or "", "")
    return click.UsageError(f"{error.format_message()} {hint}", context) if hint else error


def _origin(param: click.Parameter, context: click.Context) -> str:
    """Say from which variable of the environment a wrong value comes; nothing if it was typed."""
    if context.get_parameter_source(param.name or "") != ParameterSource.ENVIRONMENT:
        return ""
    name = param.envvar or f"{context.auto_envvar_prefix}_{(param.name or '').upper()}"
    return f"(in the environment variable {name})"


def _example(text: str, path: str) -> str:
    """Return the first example of a command in its help, or the first of another command."""
    examples = re.findall(r"^ +(mgraph .*)", text, re.MULTILINE)
    own = [line for line in examples if line.startswith(f"{path} ")]
    return f"For example: {(own or examples)[0]}" if examples else ""


def _printable(error: click.ClickException) -> click.ClickException:
    """Escape what a terminal would obey or hide in a message that repeats an argument."""
    from mgraph.cli.output import escaped  # noqa: PLC0415 - needed only here

    if type(error) is getattr(click.exceptions, "NoArgsIsHelpError", None):  # new in click 8.2
        return error  # its message is the help, which begins with the usage
    message = escaped(error.format_message())
    if isinstance(error, click.UsageError):
        return click.UsageError(message, error.ctx)
    return click.ClickException(message)


def _silent(status: int, *, keep_stderr: bool = False) -> int:
    """Discard what the streams still hold: the interpreter would fail to write it, and exit 120."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        if not keep_stderr:
            os.dup2(nowhere, sys.stderr.fileno())
    return status
