"""`python -m benchmarks`: what there is to measure, one of it, or all; and the documentation made of it."""

from benchmarks.commands import app

if __name__ == "__main__":
    app()
