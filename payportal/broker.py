"""Kombu's Redis transport, which loses neither places nor its head when the broker goes away for a while.

Two faults of kombu 5.7, both of workers that acknowledge late. A task whose acknowledgement got no answer counts as
held for good: its place in the worker is lost, and when all are lost the worker takes nothing more and looks well. And
a worker that loses the connection with a task in hand and a place free falls over the restoring of that task by a
connection that is closed already. In both cases the broker itself gives the task out again (visibility_timeout).
"""

from kombu import transport
from kombu.transport import redis, virtual


class QoS(redis.QoS):
    """What this worker has taken and not acknowledged; each counts against its places."""

    def ack(self, delivery_tag: str) -> None:
        try:
            super().ack(delivery_tag)
        except AttributeError:
            if not self._is_gone():
                raise
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        try:
            super().reject(delivery_tag, requeue=requeue)
        except AttributeError:
            if not self._is_gone():
                raise
        finally:
            virtual.QoS.ack(self, delivery_tag)

    def restore_unacked_once(self, stderr: object = None) -> None:
        if self._is_gone():
            for delivery_tag in list(self._delivered or ()):
                virtual.QoS.ack(self, delivery_tag)
        super().restore_unacked_once(stderr)

    def _is_gone(self) -> bool:
        """Whether the connection has been closed for good: there is no way to the broker by it any more."""
        return self.channel.connection is None or self.channel.connection.client is None


class Channel(redis.Channel):
    QoS = QoS


class Transport(redis.Transport):
    """The one behind ``redis://``, ``rediss://`` and ``redis+socket://``."""

    Channel = Channel


def use() -> None:
    """From now on in this process. By name: whoever only sends needs none of it before the first message."""
    transport.TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:Transport"))
