"""A host and its virtual machines, as users have them."""
