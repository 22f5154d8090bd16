"""The one definition: measures, features, data rules and options; no word of it is said twice."""
