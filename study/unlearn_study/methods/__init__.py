"""The methods of the study behind one interface, a module each."""
