"""The lab: an app under load, with faults, for anyone to walk around in."""
