from asyncgen.cli import script

script()
