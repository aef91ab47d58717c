"""`python -m stream_classifier`: the command line."""

from stream_classifier.cli import main

if __name__ == "__main__":
    main()
