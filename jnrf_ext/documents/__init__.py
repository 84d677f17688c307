"""Documents as readers give and writers take them: text, mentions, relations; brat and JSON."""
