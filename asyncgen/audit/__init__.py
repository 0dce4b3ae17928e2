"""Looking at what has been made: measures, findings, and the lines to look at or to drop.

Everything here only reads, needs no key, and works while a run is writing. Nothing that generates imports it.
"""
