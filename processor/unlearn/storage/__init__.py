"""The store and its marker, and the files of slices and states in it."""
