"""What is made of results for people and machines."""
