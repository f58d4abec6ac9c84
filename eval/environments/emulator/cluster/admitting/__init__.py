"""The admission plug-ins: what each adds to objects or refuses."""
