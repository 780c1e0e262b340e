"""Files as bytes, lines, JSON objects and rows of cells, whatever data set they hold."""
