"""Does the suite bite? Named mutants of the definition and the engines, each of which the agreement suite must kill."""
