"""What carries a policy's plans out, and asks it again when that is due."""
