"""The rows of packed documents, and the mentions on them."""
