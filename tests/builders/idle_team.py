"""A team that never works: a test sees what a process says of the model that it has opened."""

from typing import Any

from genolong.parallel.place import Place
from genolong.parallel.team import Team


class IdleTeam(Team):
    """One process that serves nothing."""

    def __init__(self) -> None:
        super().__init__(Place.alone())

    def serve(self, work: Any) -> None:
        """At once without more work."""
