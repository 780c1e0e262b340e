"""A log inside this process: for simulation, tests, and a demo on a machine without a broker."""
