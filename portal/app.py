"""The application: wires the rooms, and does nothing else."""

import gc

from flask import Flask

from portal.foundation import clock, files
from portal.foundation.current import house
from portal.foundation.db import init_database
from portal.foundation.logs import init_logs, tell_unknown_variables
from portal.foundation.settings import Settings, load_settings
from portal.pages import (
    admin,
    arrival,
    guest,
    home,
    not_allowed,
    sign_in,
    signed_in,
    sponsor,
    staff_sign_in,
    viewer,
)
from portal.staff.queries import who_left
from portal.web import probes
from portal.web.application import Application
from portal.web.assets import init_assets
from portal.web.display import contact, init_display
from portal.web.errors import init_errors, on_refusal
from portal.web.forms import init_forms
from portal.web.guards import current_viewer, init_guards
from portal.web.limits import init_limits
from portal.web.navigation import navigation, set_navigation_counts
from portal.web.security import init_security

BLUEPRINTS = (
    probes.bp,
    home.bp,
    sign_in.bp,
    signed_in.bp,
    arrival.bp,
    staff_sign_in.bp,
    guest.bp,
    *sponsor.BLUEPRINTS,
    *admin.BLUEPRINTS,
)


def create_app(settings: Settings) -> Flask:
    """Return the portal, wired by its settings."""
    app = Application("portal", template_folder=str(files.folder("templates")), static_folder=None)
    house(app)["settings"] = settings
    clock.set_offset(settings.clock_offset)
    init_logs(settings)
    init_database(app, settings.database)
    init_errors(app)
    init_limits(app)  # before the CSRF check, which refuses what counts all the same
    init_security(app)
    init_assets(app)
    init_display(app)
    init_forms(app)
    init_guards(app, viewer.load)
    on_refusal(app, not_allowed.write_down)
    house(app)["who_left"] = who_left
    set_navigation_counts(app, sponsor.counts)
    app.jinja_env.globals.update(
        settings=settings, current_viewer=current_viewer, navigation=navigation, contact=contact
    )
    for blueprint in BLUEPRINTS:
        app.register_blueprint(blueprint)
    return app


def from_environment() -> Flask:
    """Return the portal as the settings of this process say: what gunicorn is given."""
    app = create_app(load_settings())
    tell_unknown_variables()
    # What stands by now stands as long as the process: the collector need not go through it again.
    gc.collect()
    gc.freeze()
    return app
