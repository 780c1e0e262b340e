"""What must hold of a simulated world."""
