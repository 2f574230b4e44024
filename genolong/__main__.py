"""`python -m genolong COMMAND`."""

from genolong.cli import main

if __name__ == "__main__":
    main()
