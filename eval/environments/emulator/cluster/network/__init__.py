"""What the cluster's network does between pods: names, policies."""
