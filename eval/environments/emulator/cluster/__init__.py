"""An emulated Kubernetes cluster: API server, controllers, scheduler and kubelets on a virtual clock."""
