"""pageengine: a memory manager for overcommitted hosts, on real pages."""
