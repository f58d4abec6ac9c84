"""The everyday commands of the kubectl agreement benchmark, in the order in which they run.

One line each: the command, then after ` | ` its options: `<name` pipes a manifest in, `sort`
compares the lines in any order, `viewer` runs it as the viewer. A line that begins with `~` waits
for something and is not compared. Custom resources are not here: creating one crashes some builds of
the 1.20 API server; `kubectl_modern.py` has them.
"""

COMMANDS = """
get namespace {ns} -o name
apply -f - | <base
apply -f - | <web
~rollout status deploy/web --timeout=60s
apply -f - | <web
apply -f - | <others
apply -f - | <rules
~rollout status sts/db --timeout=60s
~rollout status ds/agent --timeout=60s
~wait job/once --for=condition=complete --timeout=60s
~wait pod/pair --for=condition=Ready --timeout=60s
~wait pod/crash --for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff --timeout=90s
rollout status deploy/web
rollout status sts/db
rollout status ds/agent
get pods | sort
get pods -o wide | sort
get pods -o name | sort
get pods -l app=web --no-headers | sort
get pods -l app=web,tier=front -o name | sort
get pods -l app!=web -o name | sort
get pods -l 'app in (db,pair)' -o name | sort
get pods --field-selector status.phase=Pending -o name | sort
get pods --field-selector status.phase!=Running,spec.restartPolicy=Always -o name | sort
get pods --show-labels | sort
get pods -L app,tier | sort
get pod crash -o jsonpath={.status.containerStatuses[0].lastState.terminated.exitCode}
get pods -o custom-columns=NAME:.metadata.name,PHASE:.status.phase,IMAGE:.spec.containers[*].image | sort
get pods -o go-template={{range.items}}{{.metadata.name}}{{"\\n"}}{{end}} | sort
get pods --sort-by=.metadata.name -o name | sort
get pod pair -o yaml
get pod pair -o json
get deploy
get deploy -o wide
get deploy web -o yaml
get deploy web -o json
get deploy web -o jsonpath={.spec.template.spec.containers[0].image}
get rs
get rs -o wide
get sts
get sts -o wide
get sts db -o yaml
get ds
get ds agent -o yaml
get job
get job once -o yaml
get cronjob
get cronjob nightly -o yaml
get svc | sort
get svc -o wide | sort
get svc web -o yaml
get svc db -o yaml
get svc out -o yaml
get endpoints | sort
get endpointslices -l kubernetes.io/service-name=web -o name
get configmap settings -o yaml
get cm | sort
get secret login -o yaml
get secret login -o jsonpath={.data.user}
get sa | sort
get hpa
get hpa web -o yaml
get pdb
get pdb web -o yaml
get ingress
get ingress web -o yaml
get netpol
get netpol db -o yaml
get pvc
get role,rolebinding
get rolebinding -o wide
get role reader -o yaml
get quota
get limits
get all | sort
get pods --chunk-size=2 -o name | sort
get pods -A --field-selector metadata.namespace={ns} -l app=db -o name
get svc,deploy -l app=web
get deploy,sts -o jsonpath={.items[*].metadata.name}
get cm settings -o 'jsonpath={range .metadata.managedFields[*]}{.manager} {.operation} {.apiVersion} {.fieldsV1}{"\n"}{end}'
get svc web -o 'jsonpath={range .metadata.managedFields[*]}{.manager} {.operation} {.apiVersion} {.fieldsV1}{"\n"}{end}'
get deploy web -o 'jsonpath={range .metadata.managedFields[?(@.manager=="kubectl-client-side-apply")]}{.operation} {.apiVersion} {.fieldsV1}{"\n"}{end}'
get ns {ns} -o 'jsonpath={.spec} {.status.phase} {.metadata.labels}'
get --raw /healthz
get --raw /readyz
get --raw /api/v1/namespaces/{ns}/configmaps/nope
get node {node} -o 'jsonpath={range .status.conditions[*]}{.type} {.status} {.reason} {.message}{"\n"}{end}'
get lease -n kube-node-lease -o name
top pods
top nodes
get nodes
get nodes -o name
get node {node} -o jsonpath={.spec.unschedulable}
get nothing
get pod nope
get deploy web nope
get pods -n no-such-namespace
get pods -l '= ='
describe deploy web
describe rs -l app=web
describe pod -l app=db
describe pod crash
describe pod stuck
describe pod pair
describe svc web
describe svc db
describe sts db
describe ds agent
describe job once
describe cronjob nightly
describe cm settings
describe secret login
describe hpa web
describe pdb web
describe ingress web
describe netpol db
describe pvc data
describe quota quota
describe limits limits
describe role reader
describe rolebinding robot-reads
describe ns {ns}
logs deploy/web --tail=1
logs job/once
logs job/once --tail=2
logs job/once --limit-bytes=5
logs crash --previous
logs pair
logs pair -c two
logs pair --all-containers
logs pair -c three
logs stuck
logs nope
logs -l app=db
logs db-0 --since=1h
logs job/once --timestamps
logs -l app=db --prefix
logs job/once --since-time=2030-01-01T00:00:00Z
logs pair -c one --previous
events --for pod/stuck
events --types=Warning --for pod/stuck
get events --field-selector involvedObject.name=db-0 -o custom-columns=R:.reason,T:.type,M:.message | sort
exec pair -c one -- hostname
exec pair -c one -- cat /etc/hostname
exec deploy/web -- cat /etc/conf/file.ini
exec pair -c one -- cat /nope
exec pair -c one -- no-such-program
exec nope -- hostname
diff -f - | <web
diff -f - | <changed
apply -f - --dry-run=server | <changed
apply -f - --dry-run=client | <changed
apply -f - | <typo
apply -f - | <wrong
apply -f - | <bad-selector
apply -f - | <no-space
create -f - | <bad-name
create cm settings
create cm extra --from-literal=a=1
create secret generic token --from-literal=x=y
create deployment second --image=local/python:3.11 --dry-run=client -o yaml
create deployment second --image=local/python:3.11 --dry-run=server -o name
create quota more --hard=pods=50
create role r2 --verb=get --resource=pods
create job manual --from=cronjob/nightly
create cronjob tick --image=local/python:3.11 --schedule='bad' --dry-run=server
create job odd --image=local/python:3.11 --dry-run=server -o name
create pdb spare --selector=app=web --min-available=1 --dry-run=client -o yaml
create service clusterip extra --tcp=80:8080
create ingress extra --rule=a.example.com/=web:80
get ingress extra -o jsonpath={.spec.rules[*].host}
apply -f - | <bad-job
apply -f - | <no-image
apply -f - | <bad-port
apply -f - | <bad-memory
apply view-last-applied cm/settings
delete svc,ingress extra
apply -f - | <changed
~rollout status deploy/web --timeout=60s
rollout history deploy/web
rollout history deploy/web --revision=2
rollout undo deploy/web
~rollout status deploy/web --timeout=60s
get deploy web -o jsonpath={.spec.template.spec.containers[0].env[0].value}
rollout pause deploy/web
rollout pause deploy/web
rollout undo deploy/web
rollout resume deploy/web
rollout restart deploy/web
~rollout status deploy/web --timeout=60s
rollout history deploy/web
rollout undo deploy/web --to-revision=77
rollout history sts/db
rollout history ds/agent
scale deploy web --replicas=3
~rollout status deploy/web --timeout=60s
get deploy web --no-headers
scale deploy web --replicas=2 --current-replicas=9
scale deploy nope --replicas=2
scale sts db --replicas=2
~rollout status sts/db --timeout=60s
get pods -l app=db -o name
autoscale deploy web --max=3
patch deploy web -p {"spec":{"replicas":2}}
~rollout status deploy/web --timeout=60s
patch deploy web -p {"spec":{"replicas":2}}
patch deploy web --type=json -p [{"op":"replace","path":"/spec/replicas","value":1}]
patch deploy web --type=json -p [{"op":"remove","path":"/spec/nope"}]
patch deploy web --type=merge -p {"metadata":{"annotations":{"note":"x"}}}
patch deploy web -p {"spec":{"template":{"spec":{"containers":[{"name":"main","env":[{"name":"MODE","value":"odd"}]}]}}}}
~rollout status deploy/web --timeout=60s
get deploy web -o jsonpath={.spec.template.spec.containers[0].env[*].name}
patch svc web -p {"spec":{"ports":[{"port":80,"targetPort":9090}]}}
patch pod pair -p {"spec":{"nodeName":"elsewhere"}}
patch cm settings -p {"data":{"level":"debug"}}
set image deploy/web main=local/python:3.11
set env deploy/web EXTRA=1
~rollout status deploy/web --timeout=60s
set env deploy/web --list
set resources deploy/web -c main --limits=memory=80Mi
set selector svc/web app=web
set serviceaccount deploy/web robot
~rollout status deploy/web --timeout=90s
label deploy web team=a
label deploy web team=b
label deploy web team=b --overwrite
label deploy web team-
label deploy web --list | sort
annotate cm settings --list
label cm settings bad/key/x=1
label cm settings key='bad value'
label pods --all odd=yes --dry-run=server | sort
annotate svc web owner=me
annotate svc web owner-
expose deploy web --name=web2 --port=81
create sa robot2
auth can-i get pods
auth can-i '*' '*'
auth can-i get pods --subresource=log
auth can-i get /healthz
auth can-i create deployments.apps
auth can-i delete nodes | viewer
auth can-i get pods --subresource=exec | viewer
auth can-i list secrets | viewer
auth can-i list pods | viewer
auth can-i get pods --as=system:serviceaccount:{ns}:robot
auth can-i delete pods --as=system:serviceaccount:{ns}:robot
auth can-i --list --as=system:serviceaccount:{ns}:robot | sort
get secrets | viewer
delete pod pair | viewer
scale deploy web --replicas=5 | viewer
get nodes --as=system:serviceaccount:{ns}:robot
get pods -A --as=system:serviceaccount:{ns}:robot
get pod db-0 -o name | viewer
get deploy --as=system:serviceaccount:{ns}:robot
api-resources --api-group=apps -o name
api-resources --namespaced=false -o name | sort
api-resources -o wide | sort
api-versions
explain pod.spec.containers.resources
explain deployment.spec.strategy
explain cronjob --api-version=batch/v1beta1
explain svc.spec.nope
explain pod.spec.containers.livenessProbe --recursive
explain hpa
explain nothing
cordon {node}
get nodes
cordon {node}
uncordon {node}
taint node {node} team=a:PreferNoSchedule
taint node {node} team:PreferNoSchedule-
drain {node} --dry-run=client --ignore-daemonsets --force --pod-selector app=pair
drain {node} --pod-selector app=pair
drain {node} --pod-selector app=pair --force --timeout=140s
uncordon {node}
wait pod/db-0 --for=condition=Ready --timeout=5s
wait pod/stuck --for=condition=Ready --timeout=1s
wait deploy/web --for=condition=Available --timeout=30s
wait deploy/web --for=jsonpath={.spec.replicas}=1 --timeout=5s
run extra --image=local/python:3.11 --restart=Never --command -- python3 -c print(1)
~wait pod/extra --for=jsonpath={.status.phase}=Succeeded --timeout=60s
get pod extra --no-headers
delete pod extra --grace-period=0 --force
get pod extra
run extra --image=local/python:3.11 --restart=Never --command -- python3 -c print(1)
replace -f - | <base
apply -f - --server-side --field-manager=other | <web
apply -f - --server-side --field-manager=other --force-conflicts | <web
apply -f - --server-side --field-manager=third | <changed
delete pod extra --now
delete svc web2
delete deploy nope
delete deploy nope --ignore-not-found
delete pods -l app=stuck
delete job once --cascade=foreground
delete deploy,svc web
delete quota,limits --all
"""
