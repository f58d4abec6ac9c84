"""The blocking client: `prometheus-api-client` with our credentials, time-outs and errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.api.errors import ConnectorError
from connectors.prometheus.failures import from_exception, from_response, malformed
from connectors.prometheus.settings import PrometheusSettings

if TYPE_CHECKING:
    import requests

    Prepared = requests.PreparedRequest


class Client:
    """Asks one Prometheus. Blocking; may be used from several threads.

    Every method raises `ConnectorError`. No request is repeated: whoever asks decides that.
    """

    def __init__(self, settings: PrometheusSettings) -> None:
        import requests
        from prometheus_api_client import PrometheusConnect
        from requests.adapters import HTTPAdapter
        from urllib3.util import Retry

        self._settings = settings
        self._session = requests.Session()
        self._session.verify = settings.ca_file or settings.verify_tls
        self._session.hooks["response"].append(self._refuse_errors)
        never = Retry(total=0, read=False)
        # with an `auth` of its own, requests does not look into ~/.netrc
        self._connect = PrometheusConnect(
            settings.url,
            headers=dict(settings.headers),
            auth=self._authorize,
            retry=never,
            session=self._session,
            timeout=(settings.connect_timeout, settings.timeout),
        )
        adapter = HTTPAdapter(max_retries=never, pool_maxsize=settings.concurrency)
        self._session.mount(settings.url, adapter)

    def query(self, expression: str, params: Mapping[str, str]) -> Any:
        """Return the `result` of an instant query."""
        return self._checked(
            lambda: self._connect.custom_query(expression, {**self._limit(), **params})
        )

    def query_range(self, expression: str, start: float, end: float, step: float) -> Any:
        """Return the `result` of a range query; times are Unix seconds."""
        from datetime import UTC, datetime

        # the library rounds times to whole seconds; `params` have the last word
        exact = {"start": f"{start:.3f}", "end": f"{end:.3f}", **self._limit()}
        first, last = datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC)
        return self._checked(
            lambda: self._connect.custom_query_range(expression, first, last, f"{step}", exact)
        )

    def metric_names(self) -> Any:
        """Return the values of `__name__`."""
        return self._checked(self._connect.all_metrics)

    def status(self, what: str) -> Any:
        """Return the `data` of /api/v1/status/`what`, which the library has no call for."""

        def get() -> Any:
            response = self._session.get(
                f"{self._settings.url}/api/v1/status/{what}",
                headers=dict(self._settings.headers),
                auth=self._authorize,
                timeout=(self._settings.connect_timeout, self._settings.timeout),
            )
            return response.json()["data"]

        return self._checked(get)

    def close(self) -> None:
        """Release connections."""
        self._connect.close()

    def _limit(self) -> dict[str, str]:
        """Tell Prometheus to stop, too, when we do."""
        return {"timeout": f"{max(1, round(self._settings.timeout * 1000))}ms"}

    def _checked(self, ask: Callable[[], Any]) -> Any:
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        url = self._settings.url
        try:
            return ask()
        except ConnectorError:
            raise
        except PrometheusApiClientException as error:
            # error statuses never get this far: it is an odd one, such as 204 or 304
            raise malformed(url, str(error)) from error
        except (
            requests.RequestException,
            ValueError,
            LookupError,
            TypeError,
            AttributeError,
            OSError,
        ) as error:
            raise from_exception(error, url, self._settings.timeout) from error

    def _refuse_errors(self, response: requests.Response, **_: Any) -> None:
        if response.status_code >= 400:
            raise from_response(response, self._settings.url)

    def _authorize(self, request: Prepared) -> Prepared:
        from requests.auth import HTTPBasicAuth

        own = self._settings
        token = own.token
        if own.token_file:
            token = Path(own.token_file).read_text(encoding="utf-8").strip()
        if token:
            request.headers["Authorization"] = f"Bearer {token}"
        elif own.username:
            request = HTTPBasicAuth(own.username, own.password)(request)
        return request
