"""Services of a shop that follow their payments."""
