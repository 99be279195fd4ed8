"""What an HTTP message is: URLs, fields, charsets, bodies. Knows no socket and no connection pool."""
