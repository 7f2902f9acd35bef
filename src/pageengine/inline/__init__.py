"""What notebooks show of objects: tables with small pictures, bars of progress, short errors."""
