"""Coverage-guided fuzzing, an optional development tool: `pip install atheris`, then `python -m tests.fuzz.http11`."""
