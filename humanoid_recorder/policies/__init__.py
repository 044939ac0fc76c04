"""Policy back ends behind one protocol."""
