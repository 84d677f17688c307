"""From wordpieces to the rows that layers work on."""
