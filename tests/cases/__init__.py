"""The inputs that were once answered wrongly, and what is right: a test for each case and door."""
