"""Words that have a meaning of their own in a language, so that no node can have them as names."""

from __future__ import annotations

from typing import Final

_SIZES: Final = (
    *(f"{kind}{bits}" for kind in ("", "FAST", "LEAST") for bits in (8, 16, 32, 64)), "MAX", "PTR",
)  # fmt: skip

_HEADERS: Final = (
    "AIO_PRIO_DELTA_MAX", "ATOMIC_BOOL_LOCK_FREE", "ATOMIC_CHAR16_T_LOCK_FREE",
    "ATOMIC_CHAR32_T_LOCK_FREE", "ATOMIC_CHAR_LOCK_FREE", "ATOMIC_FLAG_INIT",
    "ATOMIC_INT_LOCK_FREE", "ATOMIC_LLONG_LOCK_FREE", "ATOMIC_LONG_LOCK_FREE",
    "ATOMIC_POINTER_LOCK_FREE", "ATOMIC_SHORT_LOCK_FREE", "ATOMIC_WCHAR_T_LOCK_FREE",
    "BC_BASE_MAX", "BC_DIM_MAX", "BC_SCALE_MAX", "BC_STRING_MAX", "BIG_ENDIAN", "BUFSIZ",
    "BUS_ADRALN", "BUS_ADRERR", "BUS_MCEERR_AO", "BUS_MCEERR_AR", "BUS_OBJERR", "BYTE_ORDER",
    "CHARCLASS_NAME_MAX", "CHAR_BIT", "CHAR_MAX", "CHAR_MIN", "CLD_CONTINUED", "CLD_DUMPED",
    "CLD_EXITED", "CLD_KILLED", "CLD_STOPPED", "CLD_TRAPPED", "CLOCKS_PER_SEC", "CLOCK_BOOTTIME",
    "CLOCK_BOOTTIME_ALARM", "CLOCK_MONOTONIC", "CLOCK_MONOTONIC_COARSE", "CLOCK_MONOTONIC_RAW",
    "CLOCK_PROCESS_CPUTIME_ID", "CLOCK_REALTIME", "CLOCK_REALTIME_ALARM", "CLOCK_REALTIME_COARSE",
    "CLOCK_TAI", "CLOCK_THREAD_CPUTIME_ID", "COLL_WEIGHTS_MAX", "DBL_DECIMAL_DIG", "DBL_DIG",
    "DBL_EPSILON", "DBL_HAS_SUBNORM", "DBL_MANT_DIG", "DBL_MAX", "DBL_MAX_10_EXP", "DBL_MAX_EXP",
    "DBL_MIN", "DBL_MIN_10_EXP", "DBL_MIN_EXP", "DBL_TRUE_MIN", "DECIMAL_DIG", "DELAYTIMER_MAX",
    "E2BIG", "EACCES", "EADDRINUSE", "EADDRNOTAVAIL", "EADV", "EAFNOSUPPORT", "EAGAIN", "EALREADY",
    "EBADE", "EBADF", "EBADFD", "EBADMSG", "EBADR", "EBADRQC", "EBADSLT", "EBFONT", "EBUSY",
    "ECANCELED", "ECHILD", "ECHRNG", "ECOMM", "ECONNABORTED", "ECONNREFUSED", "ECONNRESET",
    "EDEADLK", "EDEADLOCK", "EDESTADDRREQ", "EDOTDOT", "EDQUOT", "EEXIST", "EFAULT", "EFBIG",
    "EHOSTDOWN", "EHOSTUNREACH", "EHWPOISON", "EIDRM", "EILSEQ", "EINPROGRESS", "EINTR", "EINVAL",
    "EIO", "EISCONN", "EISDIR", "EISNAM", "EKEYEXPIRED", "EKEYREJECTED", "EKEYREVOKED", "EL2HLT",
    "EL2NSYNC", "EL3HLT", "EL3RST", "ELIBACC", "ELIBBAD", "ELIBEXEC", "ELIBMAX", "ELIBSCN",
    "ELNRNG", "ELOOP", "EMEDIUMTYPE", "EMFILE", "EMLINK", "EMSGSIZE", "EMULTIHOP", "ENAMETOOLONG",
    "ENAVAIL", "ENETDOWN", "ENETRESET", "ENETUNREACH", "ENFILE", "ENOANO", "ENOBUFS", "ENOCSI",
    "ENODATA", "ENODEV", "ENOENT", "ENOEXEC", "ENOKEY", "ENOLCK", "ENOLINK", "ENOMEDIUM", "ENOMEM",
    "ENOMSG", "ENONET", "ENOPKG", "ENOPROTOOPT", "ENOSPC", "ENOSR", "ENOSTR", "ENOSYS", "ENOTBLK",
    "ENOTCONN", "ENOTDIR", "ENOTEMPTY", "ENOTNAM", "ENOTRECOVERABLE", "ENOTSOCK", "ENOTSUP",
    "ENOTTY", "ENOTUNIQ", "ENXIO", "EOF", "EOPNOTSUPP", "EOVERFLOW", "EOWNERDEAD", "EPERM",
    "EPFNOSUPPORT", "EPIPE", "EPROTO", "EPROTONOSUPPORT", "EPROTOTYPE", "EREMCHG", "EREMOTE",
    "EREMOTEIO", "ERESTART", "ERFKILL", "EROFS", "ESHUTDOWN", "ESOCKTNOSUPPORT", "ESPIPE", "ESRCH",
    "ESRMNT", "ESTALE", "ESTRPIPE", "ETIME", "ETIMEDOUT", "ETOOMANYREFS", "ETXTBSY", "EUCLEAN",
    "EUNATCH", "EUSERS", "EWOULDBLOCK", "EXDEV", "EXFULL", "EXIT_FAILURE", "EXIT_SUCCESS",
    "EXPR_NEST_MAX", "FD_SETSIZE", "FE_ALL_EXCEPT", "FE_DFL_ENV", "FE_DIVBYZERO", "FE_DOWNWARD",
    "FE_INEXACT", "FE_INVALID", "FE_OVERFLOW", "FE_TONEAREST", "FE_TOWARDZERO", "FE_UNDERFLOW",
    "FE_UPWARD", "FILENAME_MAX", "FLT_DECIMAL_DIG", "FLT_DIG", "FLT_EPSILON", "FLT_EVAL_METHOD",
    "FLT_HAS_SUBNORM", "FLT_MANT_DIG", "FLT_MAX", "FLT_MAX_10_EXP", "FLT_MAX_EXP", "FLT_MIN",
    "FLT_MIN_10_EXP", "FLT_MIN_EXP", "FLT_RADIX", "FLT_ROUNDS", "FLT_TRUE_MIN", "FOPEN_MAX",
    "FPE_CONDTRAP", "FPE_FLTDIV", "FPE_FLTINV", "FPE_FLTOVF", "FPE_FLTRES", "FPE_FLTSUB",
    "FPE_FLTUND", "FPE_FLTUNK", "FPE_INTDIV", "FPE_INTOVF", "FP_XSTATE_MAGIC1", "FP_XSTATE_MAGIC2",
    "FP_XSTATE_MAGIC2_SIZE", "HOST_NAME_MAX", "I", "ILL_BADIADDR", "ILL_BADSTK", "ILL_COPROC",
    "ILL_ILLADR", "ILL_ILLOPC", "ILL_ILLOPN", "ILL_ILLTRP", "ILL_PRVOPC", "ILL_PRVREG",
    "INTMAX_MAX", "INTMAX_MIN", "INTPTR_MAX", "INTPTR_MIN", "INT_MAX", "INT_MIN", "LC_ADDRESS",
    "LC_ADDRESS_MASK", "LC_ALL", "LC_ALL_MASK", "LC_COLLATE", "LC_COLLATE_MASK", "LC_CTYPE",
    "LC_CTYPE_MASK", "LC_GLOBAL_LOCALE", "LC_IDENTIFICATION", "LC_IDENTIFICATION_MASK",
    "LC_MEASUREMENT", "LC_MEASUREMENT_MASK", "LC_MESSAGES", "LC_MESSAGES_MASK", "LC_MONETARY",
    "LC_MONETARY_MASK", "LC_NAME", "LC_NAME_MASK", "LC_NUMERIC", "LC_NUMERIC_MASK", "LC_PAPER",
    "LC_PAPER_MASK", "LC_TELEPHONE", "LC_TELEPHONE_MASK", "LC_TIME", "LC_TIME_MASK",
    "LDBL_DECIMAL_DIG", "LDBL_DIG", "LDBL_EPSILON", "LDBL_HAS_SUBNORM", "LDBL_MANT_DIG",
    "LDBL_MAX", "LDBL_MAX_10_EXP", "LDBL_MAX_EXP", "LDBL_MIN", "LDBL_MIN_10_EXP", "LDBL_MIN_EXP",
    "LDBL_TRUE_MIN", "LINE_MAX", "LITTLE_ENDIAN", "LLONG_MAX", "LLONG_MIN", "LOGIN_NAME_MAX",
    "LONG_MAX", "LONG_MIN", "L_ctermid", "L_tmpnam", "MAX_CANON", "MAX_INPUT", "MB_CUR_MAX",
    "MB_LEN_MAX", "MINSIGSTKSZ", "MQ_PRIO_MAX", "NAME_MAX", "NFDBITS", "NGREG", "NGROUPS_MAX",
    "NSIG", "ONCE_FLAG_INIT", "PATH_MAX", "PDP_ENDIAN", "PIPE_BUF", "POLL_ERR", "POLL_HUP",
    "POLL_IN", "POLL_MSG", "POLL_OUT", "POLL_PRI", "PTHREAD_DESTRUCTOR_ITERATIONS",
    "PTHREAD_KEYS_MAX", "PTHREAD_STACK_MIN", "PTRDIFF_MAX", "PTRDIFF_MIN", "P_tmpdir", "RAND_MAX",
    "RE_DUP_MAX", "RTSIG_MAX", "SA_INTERRUPT", "SA_NOCLDSTOP", "SA_NOCLDWAIT", "SA_NODEFER",
    "SA_NOMASK", "SA_ONESHOT", "SA_ONSTACK", "SA_RESETHAND", "SA_RESTART", "SA_SIGINFO",
    "SA_STACK", "SCHAR_MAX", "SCHAR_MIN", "SEEK_CUR", "SEEK_END", "SEEK_SET", "SEGV_ACCADI",
    "SEGV_ACCERR", "SEGV_ADIDERR", "SEGV_ADIPERR", "SEGV_BNDERR", "SEGV_MAPERR", "SEGV_MTEAERR",
    "SEGV_MTESERR", "SEGV_PKUERR", "SEM_VALUE_MAX", "SHRT_MAX", "SHRT_MIN", "SIGABRT", "SIGALRM",
    "SIGBUS", "SIGCHLD", "SIGCLD", "SIGCONT", "SIGEV_NONE", "SIGEV_SIGNAL", "SIGEV_THREAD",
    "SIGEV_THREAD_ID", "SIGFPE", "SIGHUP", "SIGILL", "SIGINT", "SIGIO", "SIGIOT", "SIGKILL",
    "SIGPIPE", "SIGPOLL", "SIGPROF", "SIGPWR", "SIGQUIT", "SIGRTMAX", "SIGRTMIN", "SIGSEGV",
    "SIGSTKFLT", "SIGSTKSZ", "SIGSTOP", "SIGSYS", "SIGTERM", "SIGTRAP", "SIGTSTP", "SIGTTIN",
    "SIGTTOU", "SIGURG", "SIGUSR1", "SIGUSR2", "SIGVTALRM", "SIGWINCH", "SIGXCPU", "SIGXFSZ",
    "SIG_ATOMIC_MAX", "SIG_ATOMIC_MIN", "SIG_BLOCK", "SIG_DFL", "SIG_ERR", "SIG_IGN",
    "SIG_SETMASK", "SIG_UNBLOCK", "SIZE_MAX", "SI_ASYNCIO", "SI_ASYNCNL", "SI_DETHREAD",
    "SI_KERNEL", "SI_MESGQ", "SI_QUEUE", "SI_SIGIO", "SI_TIMER", "SI_TKILL", "SI_USER",
    "SSIZE_MAX", "SS_DISABLE", "SS_ONSTACK", "TIMER_ABSTIME", "TIME_UTC", "TMP_MAX",
    "TSS_DTOR_ITERATIONS", "TTY_NAME_MAX", "UCHAR_MAX", "UINTMAX_MAX", "UINTPTR_MAX", "UINT_MAX",
    "ULLONG_MAX", "ULONG_MAX", "USHRT_MAX", "WCHAR_MAX", "WCHAR_MIN", "WCONTINUED", "WEOF",
    "WEXITED", "WINT_MAX", "WINT_MIN", "WNOHANG", "WNOWAIT", "WSTOPPED", "WUNTRACED",
    "XATTR_LIST_MAX", "XATTR_NAME_MAX", "XATTR_SIZE_MAX", "complex", "errno", "imaginary",
    "noreturn", "sa_handler", "sa_sigaction", "si_addr", "si_addr_lsb", "si_arch", "si_band",
    "si_call_addr", "si_fd", "si_int", "si_lower", "si_overrun", "si_pid", "si_pkey", "si_ptr",
    "si_status", "si_stime", "si_syscall", "si_timerid", "si_uid", "si_upper", "si_utime",
    "si_value", "sigev_notify_attributes", "sigev_notify_function", "stderr", "stdin", "stdout",
    *(f"PRI{letter}{size}" for letter in "dioxXu" for size in _SIZES),
    *(f"SCN{letter}{size}" for letter in "dioxu" for size in _SIZES),
    *(
        f"{sign}INT{kind}{bits}_{end}"
        for sign in ("", "U") for kind in ("", "_FAST", "_LEAST") for bits in (8, 16, 32, 64)
        for end in ("MAX", "MIN")
    ),
)  # fmt: skip
"""Macros without arguments of the headers of C99 and C11, with those that gcc's default mode adds
on Linux: a program may include any of these headers before ours. Those with arguments do no harm
to names."""

_GNU: Final = (
    "ADJ_ESTERROR", "ADJ_FREQUENCY", "ADJ_MAXERROR", "ADJ_MICRO", "ADJ_NANO", "ADJ_OFFSET",
    "ADJ_OFFSET_SINGLESHOT", "ADJ_OFFSET_SS_READ", "ADJ_SETOFFSET", "ADJ_STATUS", "ADJ_TAI",
    "ADJ_TICK", "ADJ_TIMECONST", "BOOL_MAX", "BOOL_WIDTH", "CHAR_WIDTH", "CLONE_CHILD_CLEARTID",
    "CLONE_CHILD_SETTID", "CLONE_DETACHED", "CLONE_FILES", "CLONE_FS", "CLONE_IO",
    "CLONE_NEWCGROUP", "CLONE_NEWIPC", "CLONE_NEWNET", "CLONE_NEWNS", "CLONE_NEWPID",
    "CLONE_NEWTIME", "CLONE_NEWUSER", "CLONE_NEWUTS", "CLONE_PARENT", "CLONE_PARENT_SETTID",
    "CLONE_PIDFD", "CLONE_PTRACE", "CLONE_SETTLS", "CLONE_SIGHAND", "CLONE_SYSVSEM", "CLONE_THREAD",
    "CLONE_UNTRACED", "CLONE_VFORK", "CLONE_VM", "CLOSE_RANGE_CLOEXEC", "CLOSE_RANGE_UNSHARE",
    "CPU_SETSIZE", "CSIGNAL", "FE_DFL_MODE", "FE_NOMASK_ENV", "FP_INT_DOWNWARD", "FP_INT_TONEAREST",
    "FP_INT_TONEARESTFROMZERO", "FP_INT_TOWARDZERO", "FP_INT_UPWARD", "FP_LLOGB0", "FP_LLOGBNAN",
    "F_LOCK", "F_OK", "F_TEST", "F_TLOCK", "F_ULOCK", "HUGE_VAL_F128", "HUGE_VAL_F32",
    "HUGE_VAL_F32X", "HUGE_VAL_F64", "HUGE_VAL_F64X", "INTMAX_WIDTH", "INTPTR_WIDTH", "INT_WIDTH",
    "IOV_MAX", "LLONG_WIDTH", "LONG_BIT", "LONG_LONG_MAX", "LONG_LONG_MIN", "LONG_WIDTH", "L_INCR",
    "L_SET", "L_XTND", "L_cuserid", "MOD_CLKA", "MOD_CLKB", "MOD_ESTERROR", "MOD_FREQUENCY",
    "MOD_MAXERROR", "MOD_MICRO", "MOD_NANO", "MOD_OFFSET", "MOD_STATUS", "MOD_TAI", "MOD_TIMECONST",
    "NL_ARGMAX", "NL_LANGMAX", "NL_MSGMAX", "NL_NMAX", "NL_SETMAX", "NL_TEXTMAX", "NZERO",
    "PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP", "PTHREAD_ATTR_NO_SIGMASK_NP",
    "PTHREAD_BARRIER_SERIAL_THREAD", "PTHREAD_CANCELED", "PTHREAD_CANCEL_ASYNCHRONOUS",
    "PTHREAD_CANCEL_DEFERRED", "PTHREAD_CANCEL_DISABLE", "PTHREAD_CANCEL_ENABLE",
    "PTHREAD_COND_INITIALIZER", "PTHREAD_CREATE_DETACHED", "PTHREAD_CREATE_JOINABLE",
    "PTHREAD_ERRORCHECK_MUTEX_INITIALIZER_NP", "PTHREAD_EXPLICIT_SCHED", "PTHREAD_INHERIT_SCHED",
    "PTHREAD_MUTEX_INITIALIZER", "PTHREAD_ONCE_INIT", "PTHREAD_PROCESS_PRIVATE",
    "PTHREAD_PROCESS_SHARED", "PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP",
    "PTHREAD_RWLOCK_INITIALIZER", "PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP",
    "PTHREAD_SCOPE_PROCESS", "PTHREAD_SCOPE_SYSTEM", "PTRDIFF_WIDTH", "REG_CR2", "REG_CSGSFS",
    "REG_EFL", "REG_ERR", "REG_OLDMASK", "REG_R10", "REG_R11", "REG_R12", "REG_R13", "REG_R14",
    "REG_R15", "REG_R8", "REG_R9", "REG_RAX", "REG_RBP", "REG_RBX", "REG_RCX", "REG_RDI", "REG_RDX",
    "REG_RIP", "REG_RSI", "REG_RSP", "REG_TRAPNO", "RENAME_EXCHANGE", "RENAME_NOREPLACE",
    "RENAME_WHITEOUT", "R_OK", "SCHAR_WIDTH", "SCHED_BATCH", "SCHED_DEADLINE", "SCHED_FIFO",
    "SCHED_IDLE", "SCHED_ISO", "SCHED_OTHER", "SCHED_RESET_ON_FORK", "SCHED_RR", "SEEK_DATA",
    "SEEK_HOLE", "SHRT_WIDTH", "SIG_ATOMIC_WIDTH", "SIG_HOLD", "SIZE_WIDTH", "SNANF", "SNANF128",
    "SNANF32", "SNANF32X", "SNANF64", "SNANF64X", "SNANL", "STA_CLK", "STA_CLOCKERR", "STA_DEL",
    "STA_FLL", "STA_FREQHOLD", "STA_INS", "STA_MODE", "STA_NANO", "STA_PLL", "STA_PPSERROR",
    "STA_PPSFREQ", "STA_PPSJITTER", "STA_PPSSIGNAL", "STA_PPSTIME", "STA_PPSWANDER", "STA_RONLY",
    "STA_UNSYNC", "STDERR_FILENO", "STDIN_FILENO", "STDOUT_FILENO", "TRAP_BRANCH", "TRAP_BRKPT",
    "TRAP_HWBKPT", "TRAP_TRACE", "TRAP_UNK", "UCHAR_WIDTH", "UINTMAX_WIDTH", "UINTPTR_WIDTH",
    "UINT_WIDTH", "ULLONG_WIDTH", "ULONG_LONG_MAX", "ULONG_WIDTH", "USHRT_WIDTH", "WCHAR_WIDTH",
    "WINT_WIDTH", "WORD_BIT", "W_OK", "X_OK", "sched_priority",
    *(
        constant + kind
        for constant in (
            "M_1_PI", "M_2_PI", "M_2_SQRTPI", "M_E", "M_LN10", "M_LN2", "M_LOG10E", "M_LOG2E",
            "M_PI", "M_PI_2", "M_PI_4", "M_SQRT1_2", "M_SQRT2",
        )
        for kind in ("f", "f128", "f32", "f32x", "f64", "f64x", "l")
    ),
    *(
        f"{sign}INT{kind}{bits}_WIDTH"
        for sign in ("", "U") for kind in ("", "_FAST", "_LEAST") for bits in (8, 16, 32, 64)
    ),
)  # fmt: skip
"""What _GNU_SOURCE adds to these on Linux: g++ always defines it, and so do many C programs."""

C: Final = (
    # C and C++
    "alignas", "alignof", "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break",
    "case", "catch", "char", "char16_t", "char32_t", "char8_t", "class", "co_await", "co_return",
    "co_yield", "compl", "concept", "const", "const_cast", "consteval", "constexpr", "constinit",
    "continue", "decltype", "default", "delete", "do", "double", "dynamic_cast", "else", "enum",
    "explicit", "export", "extern", "false", "float", "for", "friend", "goto", "if", "inline",
    "int", "long", "mutable", "namespace", "new", "noexcept", "not", "not_eq", "nullptr",
    "operator", "or", "or_eq", "private", "protected", "public", "register", "reinterpret_cast",
    "requires", "restrict", "return", "short", "signed", "sizeof", "static", "static_assert",
    "static_cast", "struct", "switch", "template", "this", "thread_local", "throw", "true", "try",
    "typedef", "typeid", "typename", "typeof", "typeof_unqual", "union", "unsigned", "using",
    "virtual", "void", "volatile", "wchar_t", "while", "xor", "xor_eq",
    # macros of compilers and of <math.h>
    "linux", "unix", "i386", "near", "far", "NULL", "NAN", "INFINITY", "HUGE", "HUGE_VAL",
    "HUGE_VALF", "HUGE_VALL", "MAXFLOAT", "DOMAIN", "SING", "OVERFLOW", "UNDERFLOW", "PLOSS",
    "TLOSS", "EDOM", "ERANGE", "FP_NAN", "FP_INFINITE", "FP_ZERO", "FP_SUBNORMAL", "FP_NORMAL",
    "FP_ILOGB0", "FP_ILOGBNAN", "FP_FAST_FMA", "FP_FAST_FMAF", "FP_FAST_FMAL", "MATH_ERRNO",
    "MATH_ERREXCEPT", "math_errhandling", "SNAN", "M_E", "M_LOG2E", "M_LOG10E", "M_LN2", "M_LN10",
    "M_PI", "M_PI_2", "M_PI_4", "M_1_PI", "M_2_PI", "M_2_SQRTPI", "M_SQRT2", "M_SQRT1_2",
    *_HEADERS, *_GNU,
)  # fmt: skip
"""Words of C, and of C++, where a header may be included; macros."""

JAVASCRIPT: Final = (
    "arguments", "async", "await", "break", "case", "catch", "class", "const", "continue",
    "debugger", "default", "delete", "do", "else", "enum", "eval", "export", "extends", "false",
    "finally", "for", "function", "get", "if", "implements", "import", "in", "instanceof",
    "interface", "let", "new", "null", "of", "package", "private", "protected", "public",
    "return", "set", "static", "super", "switch", "this", "throw", "true", "try", "typeof",
    "undefined", "var", "void", "while", "with", "yield",
    "Infinity", "NaN", "Math", "Object", "Number", "Map", "TypeError",
)  # fmt: skip
"""Words of JavaScript in modules, which are strict; objects that programs use."""

MODULE: Final = (
    "T_destination", "add_module", "apply", "bfloat16",
    "buffers", "call_super_init", "children", "compile", "cpu", "cuda", "double", "dump_patches",
    "eval", "extra_repr", "get_buffer", "get_extra_state", "get_parameter", "get_submodule",
    "half", "ipu", "load_state_dict", "modules", "mtia", "named_buffers", "named_children",
    "named_modules", "named_parameters", "parameters", "register_backward_hook",
    "register_buffer", "register_forward_hook", "register_forward_pre_hook",
    "register_full_backward_hook", "register_full_backward_pre_hook",
    "register_load_state_dict_post_hook", "register_load_state_dict_pre_hook",
    "register_module", "register_parameter", "register_state_dict_post_hook",
    "register_state_dict_pre_hook", "requires_grad_", "set_extra_state", "set_submodule",
    "share_memory", "state_dict", "to", "to_empty", "train", "training", "type", "xpu",
    "zero_grad",
)  # fmt: skip
"""The attributes that a PyTorch module has."""
