"""Who is in the demo: employees of Northwind, and people of three organisations it works with.

None of these companies exists. The subjects are what the providers say; nothing reads anything in
them. The stories say what has happened to each guest: `demo.seed` makes it so.
"""

from dataclasses import dataclass
from typing import Final

from demo.canaille import CanailleUser
from demo.providers import MockUser

PASSWORD: Final = "demo-garden-42"


@dataclass(frozen=True, slots=True)
class Employee:
    """Somebody of Northwind."""

    subject: str
    name: str
    role: str  # admin, sponsor, or "none": works there and has no business in the portal

    @property
    def email(self) -> str:
        """Return the address, made of the name."""
        return f"{_local_part(self.name)}@northwind.example"

    def as_user(self) -> MockUser:
        """Return what Northwind's provider knows."""
        given, _, family = self.name.partition(" ")
        claims: dict[str, object] = {
            "name": self.name,
            "given_name": given,
            "family_name": family,
            "email": self.email,
            "email_verified": True,
            "roles": [] if self.role == "none" else [f"portal-{self.role}"],
        }
        return MockUser(self.subject, f"{self.name} ({_ROLE_WORDS[self.role]})", claims)


_ROLE_WORDS: Final = {"admin": "admin", "sponsor": "sponsor", "none": "no role in the portal"}

PETRA: Final = Employee("nw-10021", "Petra Vogel", "admin")
JONAS: Final = Employee("nw-10034", "Jonas Brandt", "sponsor")
MARIA: Final = Employee("nw-10058", "Maria Lindqvist", "sponsor")
TOMASZ: Final = Employee("nw-10077", "Tomasz Kowalski", "sponsor")
IRENE: Final = Employee("nw-10090", "Irene Okafor", "sponsor")
KEES: Final = Employee("nw-10112", "Kees Jansen", "none")
EMPLOYEES: Final = (PETRA, JONAS, MARIA, TOMASZ, IRENE, KEES)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody of a connected organisation.

    Attributes:
        organisation: its slug.
        name: given name and family name.
        story: what happened, a name that `demo.seed` knows; ``new``: has never signed in.
        department: what the company says where they work; chooses among offers at Globex.
        begun: days ago that the person first signed in.
    """

    organisation: str
    name: str
    story: str
    department: str
    begun: int = 0

    @property
    def username(self) -> str:
        """Return the login name at the company."""
        return _local_part(self.name)

    @property
    def email(self) -> str:
        """Return the address, made of the name."""
        return f"{self.username}@{self.organisation}.example"

    @property
    def given_name(self) -> str:
        """Return the first word of the name."""
        return self.name.partition(" ")[0]

    @property
    def family_name(self) -> str:
        """Return the rest of the name."""
        return self.name.partition(" ")[2]

    def as_canaille(self) -> CanailleUser:
        """Return what Acme's provider knows."""
        return CanailleUser(
            username=self.username,
            password=PASSWORD,
            email=self.email,
            given_name=self.given_name,
            family_name=self.family_name,
            groups=(self.department.lower(),),
        )

    def subject(self) -> str:
        """Return the subject at a provider whose people are a list here."""
        place = [one.name for one in PEOPLE if one.organisation == self.organisation]
        return f"{self.organisation[:3]}-{4711 + 13 * place.index(self.name)}"

    def as_mock(self) -> MockUser:
        """Return what Globex's or Initech's provider knows."""
        claims: dict[str, object] = {
            "name": self.name,
            "given_name": self.given_name,
            "family_name": self.family_name,
            "email": self.email,
            "email_verified": True,
            "department": self.department,
        }
        label = f"{self.name}, {self.department}"
        return MockUser(self.subject(), label, claims)


def _local_part(name: str) -> str:
    plain = name.lower().translate(str.maketrans("áäçéèíñóöøúüß", "aaceeinooouus"))
    return plain.replace("'", "").replace(" ", ".")


PEOPLE: Final = (
    # Acme builds with Northwind: a guest waits for a sponsor.
    Person("acme", "Anna Weber", "active", "Engineering", 210),
    Person("acme", "Luca Moretti", "active", "Engineering", 205),
    Person("acme", "Hannah Schulz", "active", "Engineering", 160),
    Person("acme", "Emre Yildiz", "extended", "Engineering", 340),
    Person("acme", "Clara Neumann", "active", "Sales", 120),
    Person("acme", "Pavel Novak", "ends_soon", "Engineering", 80),
    Person("acme", "Sofia Rossi", "active", "Sales", 45),
    Person("acme", "Noah Fischer", "review_open", "Engineering", 88),
    Person("acme", "Mia Hoffmann", "handed_over", "Logistics", 30),
    Person("acme", "Jakob Lang", "pending", "Engineering", 1),
    Person("acme", "Elif Kaya", "pending", "Engineering", 4),
    Person("acme", "Oskar Brandl", "pending_late", "Logistics", 11),
    Person("acme", "Greta Sommer", "expired", "Engineering", 150),
    Person("acme", "Dario Conti", "inactive", "Sales", 130),
    Person("acme", "Nora Keller", "on_hold", "Logistics", 70),
    Person("acme", "Felix Baumann", "rejected", "Sales", 25),
    Person("acme", "Ida Winkler", "lapsed", "Logistics", 60),
    Person("acme", "Henrik Dahl", "removed_by_time", "Engineering", 300),
    Person("acme", "Lena Hartmann", "new", "Engineering"),
    Person("acme", "Moritz Engel", "new", "Logistics"),
    # Globex looks after the books: restricted access at once, approval within a week.
    Person("globex", "Li Wang", "active", "Finance", 190),
    Person("globex", "Grace Bennett", "active", "Finance", 185),
    Person("globex", "Samuel Ortiz", "active", "Audit", 140),
    Person("globex", "Priya Raman", "active", "Audit", 90),
    Person("globex", "Owen Clarke", "ends_soon", "Finance", 60),
    Person("globex", "Yuki Tanaka", "review_open", "Finance", 86),
    Person("globex", "Amara Diallo", "at_once", "Finance", 2),
    Person("globex", "Victor Hugo Reyes", "at_once", "Audit", 5),
    Person("globex", "Ruth Goldberg", "not_approved", "Audit", 16),
    Person("globex", "Ivan Petrov", "inactive", "Finance", 125),
    Person("globex", "Chloe Martin", "on_hold", "Finance", 100),
    Person("globex", "Daniel Kim", "ended_by_sponsor", "Audit", 110),
    Person("globex", "Eve Sanders", "rejected", "Finance", 40),
    Person("globex", "Marcus Hale", "review_missed", "Audit", 118),
    Person("globex", "Zoe Laurent", "new", "Finance"),
    # Initech printed the manuals; its contract ended last week.
    Person("initech", "Bill Porter", "contract_ended", "Printing", 150),
    Person("initech", "Milton Graves", "contract_ended", "Printing", 150),
    Person("initech", "Samir Naidu", "contract_ended", "Printing", 120),
    Person("initech", "Joanna Reed", "contract_ended", "Printing", 75),
    Person("initech", "Tom Ashby", "inactive_removed", "Printing", 160),
    Person("initech", "Drew Lawson", "rejected", "Printing", 100),
    Person("initech", "Nina Alvarez", "new", "Printing"),
)


def people_of(organisation: str) -> tuple[Person, ...]:
    """Return an organisation's people."""
    return tuple(person for person in PEOPLE if person.organisation == organisation)
