"""What is on disk: the files of an output, how they are written, and how an earlier run is read back."""
