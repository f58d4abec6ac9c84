"""The controllers: each brings one kind of object closer to what it asks for."""
