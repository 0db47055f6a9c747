"""How fast mgraph is, each figure beside a peer or a limit measured in the same minute.

`python -m benchmarks` in the checkout prints every table as Markdown; names choose some of them:
`python -m benchmarks startup values big chain`. `--quick` takes small sizes, to see that it runs,
and `--docs` writes docs/benchmarks.md, its picture and the README's table.
"""
