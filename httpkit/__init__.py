"""httpkit: an HTTP client."""
