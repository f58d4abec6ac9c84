"""The resources that API servers serve, as rows: the present version's and 1.20's.

One row: API version, plural name, kind, short names, scope (n: namespaced, c: cluster), options.
Options, separated by blanks: `all` (category), `ext` (category api-extensions), `gen` (the server counts generations of the
spec), `v=` verbs (w: all, s: all but deletecollection, r: get and list, c: create), `sub=`
subresources, `alias` (another version or group of a kind that is stored in its main shape),
`old` or `new` (served only by 1.20, or only by the present version). Groups are in the order of
discovery, the preferred version first.
"""

ROWS = """
v1 bindings Binding - n v=c
v1 componentstatuses ComponentStatus cs c v=r
v1 configmaps ConfigMap cm n
v1 endpoints Endpoints ep n
v1 events Event ev n
v1 limitranges LimitRange limits n
v1 namespaces Namespace ns c v=s sub=finalize,status
v1 nodes Node no c sub=proxy,status
v1 persistentvolumeclaims PersistentVolumeClaim pvc n sub=status
v1 persistentvolumes PersistentVolume pv c sub=status
v1 pods Pod po n all sub=attach,binding,ephemeralcontainers,eviction,exec,log,portforward,proxy,status
v1 podtemplates PodTemplate - n
v1 replicationcontrollers ReplicationController rc n all gen sub=scale,status
v1 resourcequotas ResourceQuota quota n sub=status
v1 secrets Secret - n
v1 serviceaccounts ServiceAccount sa n sub=token
v1 services Service svc n all old v=s sub=proxy,status
v1 services Service svc n all new sub=proxy,status
apiregistration.k8s.io/v1 apiservices APIService - c ext sub=status
apiregistration.k8s.io/v1beta1 apiservices APIService - c ext alias old sub=status
apps/v1 controllerrevisions ControllerRevision - n
apps/v1 daemonsets DaemonSet ds n all gen sub=status
apps/v1 deployments Deployment deploy n all gen sub=scale,status
apps/v1 replicasets ReplicaSet rs n all gen sub=scale,status
apps/v1 statefulsets StatefulSet sts n all gen sub=scale,status
events.k8s.io/v1 events Event ev n alias
events.k8s.io/v1beta1 events Event ev n alias old
authentication.k8s.io/v1 selfsubjectreviews SelfSubjectReview - c v=c new
authentication.k8s.io/v1 tokenreviews TokenReview - c v=c
authentication.k8s.io/v1beta1 tokenreviews TokenReview - c v=c alias old
authorization.k8s.io/v1 localsubjectaccessreviews LocalSubjectAccessReview - n v=c
authorization.k8s.io/v1 selfsubjectaccessreviews SelfSubjectAccessReview - c v=c
authorization.k8s.io/v1 selfsubjectrulesreviews SelfSubjectRulesReview - c v=c
authorization.k8s.io/v1 subjectaccessreviews SubjectAccessReview - c v=c
authorization.k8s.io/v1beta1 localsubjectaccessreviews LocalSubjectAccessReview - n v=c alias old
authorization.k8s.io/v1beta1 selfsubjectaccessreviews SelfSubjectAccessReview - c v=c alias old
authorization.k8s.io/v1beta1 selfsubjectrulesreviews SelfSubjectRulesReview - c v=c alias old
authorization.k8s.io/v1beta1 subjectaccessreviews SubjectAccessReview - c v=c alias old
autoscaling/v2 horizontalpodautoscalers HorizontalPodAutoscaler hpa n all new sub=status
autoscaling/v1 horizontalpodautoscalers HorizontalPodAutoscaler hpa n all alias sub=status
autoscaling/v2beta1 horizontalpodautoscalers HorizontalPodAutoscaler hpa n all alias old sub=status
autoscaling/v2beta2 horizontalpodautoscalers HorizontalPodAutoscaler hpa n all alias old sub=status
batch/v1 cronjobs CronJob cj n all gen new sub=status
batch/v1 jobs Job - n all gen sub=status
batch/v1beta1 cronjobs CronJob cj n all alias old sub=status
certificates.k8s.io/v1 certificatesigningrequests CertificateSigningRequest csr c sub=approval,status
certificates.k8s.io/v1beta1 certificatesigningrequests CertificateSigningRequest csr c alias old sub=approval,status
networking.k8s.io/v1 ingressclasses IngressClass - c gen
networking.k8s.io/v1 ingresses Ingress ing n gen sub=status
networking.k8s.io/v1 ipaddresses IPAddress ip c new
networking.k8s.io/v1 networkpolicies NetworkPolicy netpol n gen
networking.k8s.io/v1 servicecidrs ServiceCIDR - c new sub=status
networking.k8s.io/v1beta1 ingressclasses IngressClass - c alias old
networking.k8s.io/v1beta1 ingresses Ingress ing n alias old sub=status
extensions/v1beta1 ingresses Ingress ing n alias old sub=status
policy/v1 poddisruptionbudgets PodDisruptionBudget pdb n gen new sub=status
policy/v1beta1 poddisruptionbudgets PodDisruptionBudget pdb n alias old sub=status
policy/v1beta1 podsecuritypolicies PodSecurityPolicy psp c old
rbac.authorization.k8s.io/v1 clusterrolebindings ClusterRoleBinding - c
rbac.authorization.k8s.io/v1 clusterroles ClusterRole - c
rbac.authorization.k8s.io/v1 rolebindings RoleBinding - n
rbac.authorization.k8s.io/v1 roles Role - n
rbac.authorization.k8s.io/v1beta1 clusterrolebindings ClusterRoleBinding - c alias old
rbac.authorization.k8s.io/v1beta1 clusterroles ClusterRole - c alias old
rbac.authorization.k8s.io/v1beta1 rolebindings RoleBinding - n alias old
rbac.authorization.k8s.io/v1beta1 roles Role - n alias old
storage.k8s.io/v1 csidrivers CSIDriver - c
storage.k8s.io/v1 csinodes CSINode - c
storage.k8s.io/v1 csistoragecapacities CSIStorageCapacity - n new
storage.k8s.io/v1 storageclasses StorageClass sc c
storage.k8s.io/v1 volumeattachments VolumeAttachment - c sub=status
storage.k8s.io/v1beta1 csidrivers CSIDriver - c alias old
storage.k8s.io/v1beta1 csinodes CSINode - c alias old
storage.k8s.io/v1beta1 storageclasses StorageClass sc c alias old
storage.k8s.io/v1beta1 volumeattachments VolumeAttachment - c alias old sub=status
admissionregistration.k8s.io/v1 mutatingwebhookconfigurations MutatingWebhookConfiguration - c ext gen
admissionregistration.k8s.io/v1 validatingadmissionpolicies ValidatingAdmissionPolicy - c ext gen new sub=status
admissionregistration.k8s.io/v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding - c ext gen new
admissionregistration.k8s.io/v1 validatingwebhookconfigurations ValidatingWebhookConfiguration - c ext gen
admissionregistration.k8s.io/v1beta1 mutatingwebhookconfigurations MutatingWebhookConfiguration - c ext alias old
admissionregistration.k8s.io/v1beta1 validatingwebhookconfigurations ValidatingWebhookConfiguration - c ext alias old
apiextensions.k8s.io/v1 customresourcedefinitions CustomResourceDefinition crd,crds c ext gen sub=status
apiextensions.k8s.io/v1beta1 customresourcedefinitions CustomResourceDefinition crd,crds c ext alias old sub=status
scheduling.k8s.io/v1 priorityclasses PriorityClass pc c
scheduling.k8s.io/v1beta1 priorityclasses PriorityClass pc c alias old
coordination.k8s.io/v1 leases Lease - n
coordination.k8s.io/v1beta1 leases Lease - n alias old
node.k8s.io/v1 runtimeclasses RuntimeClass - c
node.k8s.io/v1beta1 runtimeclasses RuntimeClass - c alias old
discovery.k8s.io/v1 endpointslices EndpointSlice - n gen new
discovery.k8s.io/v1beta1 endpointslices EndpointSlice - n alias old
flowcontrol.apiserver.k8s.io/v1 flowschemas FlowSchema - c gen new sub=status
flowcontrol.apiserver.k8s.io/v1 prioritylevelconfigurations PriorityLevelConfiguration - c gen new sub=status
flowcontrol.apiserver.k8s.io/v1beta1 flowschemas FlowSchema - c alias old sub=status
flowcontrol.apiserver.k8s.io/v1beta1 prioritylevelconfigurations PriorityLevelConfiguration - c alias old sub=status
"""
