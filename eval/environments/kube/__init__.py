"""The app as real containers on any Kubernetes cluster."""
