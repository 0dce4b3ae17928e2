"""`python -m asyncgen`, which is what `make generate` runs."""

try:
    from asyncgen.command.main import script
except KeyboardInterrupt:  # in the tenth of a second that the imports take; afterwards `script` looks to it
    raise SystemExit(130) from None

script()
