"""What the kubectl agreement benchmark deploys, to the emulator and to the real cluster."""

IMAGE = "local/python:3.11"

SERVE = (
    "import http.server;"
    "print('serving on 8080', flush=True);"
    "h = http.server.SimpleHTTPRequestHandler;"
    "h.log_message = lambda *a: None;"
    "http.server.HTTPServer(('', 8080), h).serve_forever()"
)
SLEEP = "import time; print('up', flush=True); time.sleep(10**6)"
DONE = "print('one'); print('two'); print('three')"
CRASH = "import sys; print('cannot open the store'); sys.exit(3)"


def _container(name: str, program: str, more: str = "") -> str:
    return f"""
      - name: {name}
        image: {IMAGE}
        imagePullPolicy: IfNotPresent
        command: [python3, -u, -c, "{program}"]{more}"""


WEB = f"""
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
  labels: {{app: web, tier: front}}
spec:
  replicas: 2
  selector:
    matchLabels: {{app: web}}
  template:
    metadata:
      labels: {{app: web, tier: front}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:{
    _container(
        "main",
        SERVE,
        '''
        ports: [{name: http, containerPort: 8080}]
        env:
        - {name: MODE, value: plain}
        - name: LEVEL
          valueFrom: {configMapKeyRef: {name: settings, key: level}}
        envFrom: [{secretRef: {name: login}}]
        readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 2}
        resources: {requests: {cpu: 10m, memory: 16Mi}, limits: {memory: 64Mi}}
        volumeMounts: [{name: conf, mountPath: /etc/conf}]''',
    )
}
      volumes: [{{name: conf, configMap: {{name: settings}}}}]
"""
BASE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, labels: {app: web}}
data: {level: info, file.ini: "a = 1\\nb = 2\\n"}
---
apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {user: joe, password: secret}
---
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: http}]
---
apiVersion: v1
kind: Service
metadata: {name: db}
spec:
  clusterIP: None
  selector: {app: db}
  ports: [{name: sql, port: 5432}]
---
apiVersion: v1
kind: Service
metadata: {name: out}
spec: {type: ExternalName, externalName: example.com}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: robot}
"""
OTHERS = f"""
apiVersion: apps/v1
kind: StatefulSet
metadata: {{name: db}}
spec:
  serviceName: db
  replicas: 1
  selector: {{matchLabels: {{app: db}}}}
  template:
    metadata: {{labels: {{app: db}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:{_container("sql", SLEEP)}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {{name: agent}}
spec:
  selector: {{matchLabels: {{app: agent}}}}
  template:
    metadata: {{labels: {{app: agent}}}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:{_container("agent", SLEEP)}
---
apiVersion: batch/v1
kind: Job
metadata: {{name: once}}
spec:
  template:
    metadata: {{labels: {{app: once}}}}
    spec:
      restartPolicy: Never
      containers:{_container("work", DONE)}
---
apiVersion: batch/v1beta1
kind: CronJob
metadata: {{name: nightly}}
spec:
  schedule: "0 3 * * *"
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers:
          - {{name: work, image: "{IMAGE}", command: [python3, -c, "print(1)"]}}
---
apiVersion: v1
kind: Pod
metadata: {{name: crash, labels: {{app: crash}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - name: main
    image: {IMAGE}
    imagePullPolicy: IfNotPresent
    command: [python3, -u, -c, "{CRASH}"]
---
apiVersion: v1
kind: Pod
metadata: {{name: stuck, labels: {{app: stuck}}}}
spec:
  nodeSelector: {{disk: ssd}}
  containers: [{{name: main, image: "{IMAGE}"}}]
---
apiVersion: v1
kind: Pod
metadata: {{name: pair, labels: {{app: pair}}}}
spec:
  terminationGracePeriodSeconds: 1
  containers:
  - {{name: one, image: "{IMAGE}", command: [python3, -u, -c, "{SLEEP}"]}}
  - {{name: two, image: "{IMAGE}", command: [python3, -u, -c, "{SLEEP}"]}}
"""
RULES = """
apiVersion: autoscaling/v2beta2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  minReplicas: 1
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
---
apiVersion: policy/v1beta1
kind: PodDisruptionBudget
metadata: {name: web}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec:
  rules:
  - host: shop.example.com
    http:
      paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: reader}
rules: [{apiGroups: [""], resources: [pods, pods/log], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: robot-reads}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}
subjects: [{kind: ServiceAccount, name: robot}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  storageClassName: none-such
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1Gi}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: limits}
spec: {limits: [{type: Container, max: {memory: 1Gi}}]}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: quota}
spec: {hard: {pods: "40", secrets: "60"}}
"""
CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.agreement.example.com}
spec:
  group: agreement.example.com
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, shortNames: [wd]}
  versions:
  - name: v1
    served: true
    storage: true
    additionalPrinterColumns: [{name: Size, type: integer, jsonPath: .spec.size}]
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            required: [size]
            properties: {size: {type: integer, minimum: 1}}
"""
WIDGET = """
apiVersion: agreement.example.com/v1
kind: Widget
metadata: {name: w1}
spec: {size: 3}
"""
INDEXED = f"""
apiVersion: batch/v1
kind: Job
metadata: {{name: sweep}}
spec:
  completions: 3
  parallelism: 3
  completionMode: Indexed
  template:
    spec:
      restartPolicy: Never
      containers:{_container("work", DONE)}
"""
BAD_WIDGET = WIDGET.replace("size: 3", "size: 0").replace("w1", "w2")
CHANGED = WEB.replace("value: plain", "value: fancy")
TYPO = WEB.replace("replicas: 2", "replicaz: 2")
WRONG = WEB.replace("replicas: 2", "replicas: many")
BAD_SELECTOR = WEB.replace("matchLabels: {app: web}", "matchLabels: {app: other}").replace(
    "name: web\n", "name: other\n", 1
)
NO_SPACE = """
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: no-such-namespace}
"""
BAD_NAME = """
apiVersion: v1
kind: ConfigMap
metadata: {name: Bad_Name}
"""
BAD_JOB = f"""
apiVersion: batch/v1
kind: Job
metadata: {{name: always}}
spec: {{template: {{spec: {{containers: [{{name: a, image: "{IMAGE}"}}]}}}}}}
"""
NO_IMAGE = """
apiVersion: v1
kind: Pod
metadata: {name: empty}
spec: {containers: [{name: a, image: ""}, {name: a, image: x}]}
"""
BAD_PORT = """
apiVersion: v1
kind: Service
metadata: {name: bad-port}
spec: {ports: [{port: 99999}, {port: 80}]}
"""
BAD_MEMORY = f"""
apiVersion: v1
kind: Pod
metadata: {{name: greedy}}
spec:
  containers: [{{name: a, image: "{IMAGE}", resources: {{requests: {{memory: 2Gi}}, limits: {{memory: 1Gi}}}}}}]
"""
MANIFESTS = {
    name.lower().replace("_", "-"): value
    for name, value in list(globals().items())
    if name.isupper() and isinstance(value, str) and "apiVersion" in value
}
