"""Real virtual machines on this host: looked at, explained, and, if asked for, governed."""
