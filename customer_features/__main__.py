"""``python -m customer_features`` is the command ``customer-features``."""

from customer_features.cli import main

if __name__ == "__main__":
    main()
