"""How gunicorn serves payportal: threads, no preloading, nothing personal in its logs.

Threads wait for the database and for Stripe while others compute. The pool of connections does not survive a fork, so
nothing is loaded before the workers fork; DB_POOL must be at least the number of threads.
Source of the settings: gunicorn's documentation, "Settings".
"""

import os

_address = os.environ.get("WEB_HOST", "127.0.0.1")
_port = int(os.environ.get("WEB_PORT", "8000"))

bind = [f"[{_address}]:{_port}" if ":" in _address else f"{_address}:{_port}"]
worker_class = "gthread"
workers = int(os.environ.get("WEB_WORKERS", "2"))
threads = int(os.environ.get("WEB_THREADS", "4"))
preload_app = False
# Longer than the longest call to Stripe (10 s and one retry); a worker that is silent for this long is replaced.
timeout = 30
graceful_timeout = 5
keepalive = 5
# Links are secrets and lie in paths: no access log. What matters is logged by name.
accesslog = None
errorlog = "-"
loglevel = "warning"
limit_request_line = 4094
limit_request_fields = 60
# Its default place is the home of whoever starts it; nobody steers it from there.
control_socket_disable = True
