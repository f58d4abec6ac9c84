"""The texts by which programs say what is wrong, by condition: what `signatures` matches lines with.

They are those of wide-spread runtimes (Go, Java, Node, Python, .NET, Rust, C, PHP), drivers and stores, as their
public sources have them. A condition stands before those that its texts could be mistaken for.
"""

from __future__ import annotations

DEPENDENCY = frozenset({
    "store_full", "db_limit", "cert_expired", "user_missing", "not_authorized", "auth_failed", "tls", "dns",
    "pool", "refused", "unavailable", "lock", "timeout", "reset", "upstream_error",
})  # fmt: skip
"""Conditions that are about another program."""

_LACKS = ("missing", "required", "undefined", "unset", "set", "empty", "no value", "defined", "provided", "specified", "not found", "specify", "provide")  # fmt: skip

Text = str | tuple[str, ...]
"""A regular expression; where no stretch of it is fixed, with the words of which every match has one."""

TEXTS: tuple[tuple[str, tuple[Text, ...]], ...] = (
    ("exhausted", (
        r"cannot assign requested address", r"EADDRNOTAVAIL", r"too many open files", r"\bE[MN]FILE\b",
        r"nf_conntrack: table full", r"shared memory segment", r"/dev/shm\b.{0,60}no space", r"pthread_create failed",
        r"can't start new thread", r"unable to create (new )?(native )?thread", r"resource temporarily unavailable",
        r"failed to create new OS thread", r"failed to (start|spawn|create) (a |the )?(new )?thread",
        r"\binotify\w*\b.{0,80}(no space left|limit|too many|reached)", r"file watchers reached",
        r"limit\b.{0,40}\bnumber of inotify", r"exceed open file resource limit", r"worker_connections are not enough",
        r"fork(\(\))?: retry", r"(cannot|can't|unable to|failed to) fork\b(?!.{0,60}memory)", r"\bENOBUFS\b", r"no buffer space available",
        r"pids? (cgroup )?limit", r"no free (ephemeral )?ports?\b", r"address not available",
    )),
    ("store_full", (
        r"OOM command not allowed", r"used memory > 'maxmemory'", r"out of memory storing object",
        r"memory resource limit alarm set", r"circuit_breaking_exception", r"MEMORY_LIMIT_EXCEEDED",
    )),
    ("version", (
        r"UPGRADE PROBLEM", r"(files|data|database) (are|is) incompatible with", r"(invalid|wrong) (expected )?featureCompatibilityVersion",
        r"(data directory|database) was initialized by .{0,60}version", r"downgrade is not (supported|allowed)",
        r"unsupported (on-disk|data|redo log|file) (format|version)", r"invalid MySQL server (upgrade|downgrade)",
        r"cannot (up|down)grade (a node )?from", r"can't handle RDB format version", r"UnsupportedClassVersionError",
        r"UnsupportedVersionException", r"version [`'\"]GLIBC(XX)?_[\d.]+['\"]? not found",
        r"(schema|database|migration) version .{0,60}(newer|older|ahead|behind|mismatch|incompatible)",
        r"(incompatible|unsupported) (client |server |protocol |api |schema )?version", r"version mismatch",
        r"framework '?[\w.]+'?, version '?[\d.]+'?.{0,20}was not found", r"protocol version.{0,30}not supported",
    )),
    ("clock", (
        r"token used before issued", r"clock (skew|drift)", r"clock(s)? (is|are) (out of sync|not synchroni)",
        r"time (has )?jumped", r"clock (went|moved) backwards?", r"RequestTimeTooSkewed", r"request time and the current time",
        r"issued in the future", r"(token|certificate) (is )?not yet valid(?!.{0,60} is after )", r"not valid yet", r"not yet current",
        r"clock difference .{0,60}too (high|large|great)", r"current time \S+ is before", r"ImmatureSignature",
        r"\biat\b.{0,30}future", r"timestamp .{0,30}(too far )?in the future", r"CertificateNotYetValid",
    )),
    ("poison", (
        (r"(fail\w*|unable|cannot|could not|error)\W+(to )?(parse|pars|deserializ|decod|unmarshal)\w*\W.{0,80}\b(message|record|offset|topic|queue|event|delivery)\b", "pars", "serializ", "decod", "unmarshal"),
        (r"(poison|malformed|corrupt)(ed)? (message|record|event)", "poison", "malformed", "corrupt"), r"(Record)?DeserializationException",
        r"error (processing|consuming|handling) (message|record|delivery)", r"error deserializing", r"ListenerExecutionFailedException",
        (r"(JSONDecodeError|in JSON at position|invalid character|SyntaxError|ValueError).{0,120}\b(message|record|offset|delivery)\b", "error", "json", "invalid character"),
        r"(message|record|delivery) .{0,40}(redelivered|requeued|retried) \d+ times", r"(message|record) .{0,40}(cannot|could not) be (processed|parsed|decoded)",
    )),
    ("db_limit", (
        r"too many (clients already|connections)", r"remaining connection slots", r"max_connections", r"max_user_connections",
        r"maximum number of processes", r"connection limit (exceeded|reached)", r"too many client connections", r"max number of clients reached",
        r"too many open connections", r"no more connections allowed", r"max(imum)? (number of )?(client )?connections? (reached|exceeded)",
        r"maximum number of connections", r"could not find available handler", r"connection refused because.{0,40}connections",
    )),
    ("cert_expired", (
        r"certificate (has )?expired", r"expired certificate", r"CERTIFICATE_EXPIRED", r"certificate is not yet valid", r"CertificateExpiredException",
        r"NotTimeValid", r"CERT_HAS_EXPIRED", r"SSL alert number 45", r"CertPathValidatorException: validity check failed",
        r"peer certificate: Expired", r"cert(ificate)? expired",
    )),
    ("user_missing", (
        r"UserNotFound", r"could not find user", r"no such user", r"role \"[^\"]+\" does not exist",
        r"\buser '?\"?[\w@.-]+'?\"? does not exist", r"unknown user", r"user not found",
        r"there is no user record", r"no user mapping", r"user '?\"?[\w@.%-]+'?\"? (was )?(not found|unknown)\b.{0,30}(authenticat|login|auth|$)",
    )),
    ("not_authorized", (
        r"not authorized on \S+ to execute", r"permission denied for (table|relation|schema|database|sequence|function|view|collection)",
        r"must be owner of", r"command denied to user", r"access denied for user .{0,80} to database", r"NOPERM", r"not allowed to (access|use)",
        r"not authorized to access", r"TOPIC_AUTHORIZATION_FAILED", r"insufficient privilege",
        r"ACCESS_REFUSED - access to", r"access to (queue|exchange|vhost|topic) .{0,80}(refused|denied)", r"security_exception: action",
        r"is not permitted to log in", r"permission was denied on the object", r"error 13 \(Unauthorized\)", r"command \w+ requires authentication",
        r"AuthorizationException", r"Not enough privileges", r"has no .{0,20}permissions? on",
    )),
    ("auth_failed", (
        r"authentication failed", r"auth(entication)? error", r"access denied for user", r"WRONGPASS", r"NOAUTH",
        r"invalid (password|credentials|username)", r"login failed", r"SASL authentication step", r"ACCESS_REFUSED", r"bad auth",
        r"client sent AUTH, but no password", r"without any password configured", r"exception authenticating", r"unable to authenticate",
        r"username .{0,40}and/or password are incorrect", r"\b28P01\b", r"login (was )?refused", r"no password supplied",
        r"incorrect (username|user|password|credentials)", r"AuthenticationException", r"password (is )?incorrect", r"logon denied",
        r"bad credentials", r"wrong (user(name)?|password|credentials)", r"invalid user (name )?or password",
    )),
    ("tls", (
        r"TLS handshake", r"SSL handshake", r"SSLHandshake", r"tls: (first record|bad certificate|unknown|failed|handshake|no )", r"wrong version number",
        r"SSL routines", r"certificate verify failed", r"x509:", r"server (does not support|requires) SSL", r"SSL is not (enabled|supported)",
        r"no pg_hba\.conf entry .*(no encryption|SSL off)", r"SSL (connection )?is required", r"gave HTTP response to HTTPS client",
        r"Unsupported or unrecognized SSL message", r"insecure transport are prohibited", r"self.signed certificate", r"unable to verify the first certificate",
        r"DEPTH_ZERO_SELF_SIGNED_CERT", r"UNABLE_TO_VERIFY_LEAF_SIGNATURE", r"PKIX path building failed", r"SSL connection could not be established",
        r"InvalidCertificate\(", r"invalid peer certificate", r"certificate is valid for .{0,200}, not", r"before secure TLS connection was established",
        r"No subject alternative (DNS )?name", r"ERR_TLS_CERT_ALTNAME_INVALID", r"plaintext on TLS port", r"only allow SSL connections",
        r"certificate signed by unknown authority", r"plain HTTP request was sent to HTTPS port", r"SSLException", r"UntrustedRoot", r"RemoteCertificateNameMismatch",
        r"tlsv1 alert", (r"no (shared )?(ciphers?|protocols?)( (in common|match|available)|\b)", "cipher", "protocol"), r"SSLError",
    )),
    ("rbac", (
        r"is forbidden: user \\?\"", r"User \\?\"system:serviceaccount:[^\"]+\" cannot", r"configured service account doesn't have access",
        r"cannot (get|list|watch|create|update|patch|delete) resource \\?\"",
    )),
    ("pool", (
        r"pool (exhausted|timeout|is full|limit reached)(?!, discarding)", r"pop timeout", r"connection pool (exhausted|timed? ?out)", r"timeout waiting for (idle object|connection)",
        r"QueuePool limit", r"Connection is not available, request timed out", r"obtaining a connection from the pool", r"timeout acquiring a connection",
        r"pool is probably full", r"ResourceRequest timed out", r"ConnectionAcquireTimeout", r"fetching a new connection from the connection pool",
        r"pool timed out while waiting", r"could not get a resource from the pool", r"checking out a connection from", r"WaitQueue(Timeout|Full)",
        r"waiting for a connection\b.{0,20}$", r"PoolTimeout", r"PoolExhausted", r"PoolAcquire\w*Timeout", r"couldn't get a connection after", r"query_wait_timeout",
        r"no (free|idle|available) connections?\b.{0,30}(pool|$)", r"(timeout|timed out) (while )?(waiting for|acquiring|obtaining) (a )?(free |idle |new )?connection (from|in)",
    )),
    ("dns", (
        r"no such host", r"name or service not known", r"temporary failure in name resolution", r"nodename nor servname", r"getaddrinfo",
        r"could(n't| not) resolve( host|\b)(?! placeholder)", r"\bENOTFOUND\b", r"EAI_AGAIN", r"NXDOMAIN", r"UnknownHostException", r"unable to resolve",
        r"name does not resolve", r"server misbehaving", r"host not found", r"could not translate host name", r"name resolution (failed|error)",
        r"dial tcp: lookup \S+", r"lookup \S+( on \S+)?:.{0,80}(i/o timeout|refused|try again)", r"Domain name not found", r"DNS resolution failed",
        r"could not be resolved", r"no resolver defined", r"DnsNameResolver\w*Exception", r"bad address '", r"unknown (MySQL server )?host\b",
        r"NameResolutionError", r"failed to (resolve (host|name|address|['\"])|lookup address)", r"C-ares status is not", r"no address associated with hostname",
        r"hostname (was )?not found", r"ETIMEOUT queryA",
    )),
    ("refused", (
        r"connection refused", r"ECONNREFUSED", r"ConnectionRefusedError", r"actively refused", r"failed to connect", r"could not connect to",
        r"can't connect to", r"(not possible|unable) to connect", r"connect: no route to host", r"no route to host", r"EHOSTUNREACH", r"network is unreachable",
        r"Communications link failure", r"Connection to \S+:\d+ refused", r"NoBrokersAvailable", r"broker may not be available", r"AMQPConnectionError",
        r"run out of available brokers", r"could not be established", r"host is unreachable", r"connection attempt failed", r"error trying to connect",
        r"RedisConnectionException", r"cannot connect to", r"connection could not be made", r"all brokers (are )?down", r"no broker available",
    )),
    ("unavailable", (
        r"no (reachable servers|suitable servers|available servers|servers available|address available|addresses available|healthy upstream|live upstreams|endpoints available|healthy (backend|host)s?)",
        r"code = Unavailable", r"StatusCode\W{0,3}UNAVAILABLE", r"14 UNAVAILABLE", r"StatusRuntimeException: UNAVAILABLE", r"status: Unavailable",
        r"there is no address available", r"server selection (error|timed out)", r"ServerSelection(Timeout)?Error", r"upstream connect error",
        r"while waiting for a server that matches", r"no (node|master|primary|leader) (is )?(available|found)", r"NoNodeAvailable",
    )),
    ("lock", (
        r"lock (wait )?time-?out", r"deadlock (detected|found)", r"canceling statement due to lock", r"LockNotAvailable",
        r"waiting for (\w+ )?lock", r"waiting for \w*Lock on", r"database (table )?is locked", r"unable to acquire (the |a )?lock", r"could not (obtain|acquire) lock",
        r"resource busy and acquire", r"WriteConflict", r"LockTimeout", r"could not serialize access", r"PessimisticLock",
    )),
    ("timeout", (
        r"context deadline exceeded", r"DeadlineExceeded", r"DEADLINE_EXCEEDED", r"i/o timeout", r"(connection|read|connect|request|operation|dial|socket) timed out",
        r"timed out", r"E(SOCKET)?TIMEDOUT", r"ReadTimeout", r"ConnectTimeout", r"upstream request timeout", r"Timeout(Error|Exception)",
        r"timeout (exceeded|awaiting|while)", r"timeout of \d+ ?ms exceeded", r"HttpClient\.Timeout", r"TaskCanceledException: ", r"UND_ERR_\w*TIMEOUT",
        r"deadline has elapsed", r"did not (properly )?respond (after|within|in time)", r"canceling statement due to (statement|user) ", r"timeout expired",
        r"exceeded (the )?(configured )?time-?out",
    )),
    ("reset", (
        r"connection reset", r"ECONNRESET", r"broken pipe", r"socket hang up", r"EOF occurred", r"unexpected EOF", r"RemoteDisconnected",
        r"server closed the connection", r"upstream prematurely closed", r"response ended prematurely", r"RST_STREAM", r"reading from server: EOF",
        r"server has gone away", r"lost connection to", r"connection closed before message completed", r"terminating connection due to",
        r"connection (was )?aborted", r"forcibly closed", r"premature (close|EOF)", r"Connection terminated unexpectedly",
    )),
    ("upstream_error", (
        (r"\b(HTTP(/\d\.\d)?|status(code)?|response( code)?|returned|got|error|responded( with)?)\W{0,4}(code\W{0,3})?(500|502|503|504)\b", "500", "502", "503", "504"),
        r"Bad Gateway", r"Service Unavailable", r"Internal Server Error", r"Gateway Time-?out",
    )),
    ("bind", (
        r"address already in use", r"EADDRINUSE", r"port is already (allocated|in use)", r"failed to bind(?! properties)", r"cannot bind", r"\baddress in use\b",
        r"port \d+ was already in use", r"only one usage of each socket address",
    )),
    ("disk_full", (
        r"no space left on device", r"ENOSPC", r"disk (is )?full", r"disk quota exceeded", r"unable to persist on disk", r"flood.stage (disk )?watermark",
        r"disk free space limit", r"disk resource limit alarm set", r"EDQUOT", r"not enough (free )?(disk )?space", r"insufficient (free )?(disk )?space",
        r"out of disk space", (r"(disk|volume|filesystem) (usage|space) .{0,40}(exceed|exhausted|100 ?%)", "disk", "volume", "filesystem"), r"database or disk is full",
    )),
    ("io_error", (
        r"input/output error", r"\bEIO\b", r"read-only file ?system", r"\bEROFS\b", r"I/O error,? dev", r"buffer I/O error", r"EXT4-fs (error|warning)", r"XFS \(\w+\): .{0,60}(error|corrupt)",
        r"read checksum error", r"invalid page in block", r"checksum mismatch", r"(data|index|block|page|table) (is )?corrupt",
    )),
    ("oom", (
        r"out of memory", r"OutOfMemory(Error|Exception)", r"heap out of memory", r"cannot allocate memory", r"\bMemoryError\b", r"std::bad_alloc", r"oom-?kill",
        r"memory allocation of \d+ bytes failed", r"Allowed memory size of \d+ bytes exhausted", r"GC overhead limit exceeded", r"NoMemoryError", r"\bENOMEM\b",
    )),
    ("no_program", (
        r"executable file not found", r"command not found", r"exec format error", r"can't open file", r"Cannot find module", r"ModuleNotFoundError",
        r"No module named", r"Unable to access jarfile", r"Could not find or load main class", r"unrecognized (arguments|option)",
        r"unknown (flag|command|option|subcommand|shorthand flag)", r"invalid option", r"flag provided but not defined",
        r"exec:? \"?[^\" ]+\"?: (no such file|permission denied|exec format)", r"sh: (\d+: |line \d+: )?[\w./-]+: not found", r"unexpected argument '",
        r"missing script: ", r"The command could not be loaded", r"specified command or file was not found", r"Could not create the Java Virtual Machine",
        r"no such (sub)?command", r"unrecognized (sub)?command", r"the following required arguments were not provided", r"the following arguments are required",
    )),
    ("missing_file", (
        (r"(open|read|stat|load|find|file|access)\w*[: ]+[\"']?[\w./-]*[\w-]+\.\w+[\"']?:? .{0,40}(no such file|not found|does not exist)", "no such file", "not found", "does not exist"),
        (r"(cannot|could not|can't|unable to|failed to) (open|read|find|load)\W+[\w./-]*/[\w-]+\.\w+", "cannot", "could not", "can't", "unable", "failed"), r"FileNotFoundE(rror|xception)",
        r"ENOENT.{0,60}\.\w+", r"\((2: )?No such file or directory\)", r"NoSuchFileException", r"cannot load certificate",
        r"no such file or directory: ?[\"'`]?/", r"/[\w./-]+: no such file or directory",
    )),
    ("missing_config", (
        (r"(missing|required|undefined|unset|not set|must be set|is empty|no value)\W+(\w+\W+){0,4}(env(ironment)?( variable)?|config(uration)?|setting|variable|parameter|key)\b", *_LACKS),
        (r"(env(ironment)?( variable)?|config(uration)?|setting|variable)\W+(\W*\w+\W+){0,4}(is )?(missing|required|not set|undefined|unset|must be set|not found|empty)", *_LACKS),
        (r"(?-i:\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b)\W{0,3}\s*(env\w* (var\w* )?)?(is |was |has |must |variable |been |not |be |to |cannot )*(set\b|missing|required|empty|undefined|unset|defined|provided|specified|not found)", *_LACKS),
        r"KeyError: '[A-Z][A-Z0-9_]+'", r"No such (config|setting)", r"failed to (read|load|parse|open) (the )?config",
        r"invalid (config|configuration)", r"MissingRequiredEnv", r"could not resolve placeholder", (r"(missing|required) (required )?(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+)", *_LACKS),
        r"ConnectionString property has not been initialized", r"value cannot be null\. \(Parameter '\w*(connection|url|host|uri|key|secret|token)\w*'\)", r"validation errors? for \w*(Settings|Config)",
        r"UndefinedValueError", r"ImproperlyConfigured", r"failed to configure a DataSource", r"(password|user) (option )?is not specified", (r"(?-i:NotPresent)\b", "notpresent"),
        (r"(set|provide|specify) (the )?(?-i:[A-Z][A-Z0-9]*_[A-Z0-9_]+)( environment| env\b| variable)", *_LACKS), r"no (default )?value (was )?(given|provided|found) for (setting|parameter|property|option)",
    )),
    ("bad_value", (
        r"strconv\.\w+: parsing", r"invalid literal for int", r"NumberFormatException", r"could not convert string to (float|int)", r"ParseIntError", r"ParseFloatError", r"ParseBoolError",
        r"invalid digit found in string", r"failed to bind properties under", r"Input string was not in a correct format", r"invalid (port|url|uri|duration|value|boolean|integer)\b.{0,60}(for|:|of|in)\s",
        r"(could not|cannot|failed to|unable to) parse .{0,40}(port|url|dsn|duration|timeout|interval|size|level)\b", r"time: (invalid|missing unit)", r"(is )?not a valid (port|url|uri|number|integer|value|duration|log ?level)",
        r"ERR_INVALID_(URL|ARG_VALUE)", r"ERR_SOCKET_BAD_PORT", r"URISyntaxException", r"MalformedURLException", r"missing protocol scheme", r"unsupported protocol scheme", r"port out of range",
        r"out of range: \S+.{0,20}port", r"port .{0,20}out of range", r"ConfigException: Invalid",
    )),
    ("permission", (
        r"permission denied", r"EACCES", r"operation not permitted", r"\bEPERM\b", r"AccessDeniedException", r"UnauthorizedAccessException",
    )),
    ("crash", (
        r"^panic:", r"\bpanic\b", r"panicked at", r"Traceback \(most recent call last\)", r"segmentation fault", r"SIGSEGV", r"fatal error",
        r"Unhandled(PromiseRejection| exception)", r"core dumped", r"\bFATAL\b", r"\bFTL\b", r"\bPNC\b", r"^Exception in thread", r"terminate called after throwing",
        r"Uncaught \w*(Error|Exception)", r"SIGABRT", (r"^(TypeError|ReferenceError|RangeError): ", "typeerror", "referenceerror", "rangeerror"),
    )),
)  # fmt: skip
"""(condition, its texts), the most specific condition first."""
