"""The PostgreSQL server: connections to it, and the schema installed there."""
