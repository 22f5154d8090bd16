"""The HTTP door: the contract's route, its credentials and its limits, Litestar on Granian."""
