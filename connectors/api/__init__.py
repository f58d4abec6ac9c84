"""What all connectors share: the Protocols they fit, the values they return, the errors they raise."""
