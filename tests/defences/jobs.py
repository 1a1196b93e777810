"""Parts 8 and 9: jobs, time, faults, and the log."""

from typing import Final

from tests.defences.defence import Defence

QUEUES: Final = "portal/foundation/queues.py"
WORKER: Final = "tests/test_worker.py"
SWEEPS: Final = "tests/faults/test_sweeps.py"
MESSAGES: Final = "tests/faults/test_messages.py"
FAULTS: Final = "tests/flows/test_faults.py"
QTESTS: Final = "tests/foundation/test_queues.py"
OUTBOX: Final = "portal/delivery/changes.py"
RULES: Final = "portal/sponsorship/rules.py"
LIMITS: Final = "portal/web/limits.py"
MAIL: Final = "tests/delivery/test_smtp.py"

DEFENCES: Final = (
    Defence(
        case="J01",
        file=QUEUES,
        old="return Queue(QUEUE_NAME, connection=connection, job_class=PortalJob, serializer=JSONSerializer)",
        new="return Queue(QUEUE_NAME, connection=connection, job_class=PortalJob)",
        tests=(f"{QTESTS}::test_j01_a_pickled_job_is_never_unpickled",),
    ),
    Defence(
        case="J01",
        file="portal/worker.py",
        old="            serializer=JSONSerializer,\n",
        new="",
        tests=(f"{WORKER}::test_j01_a_worker_never_unpickles[sqlite]",),
    ),
    Defence(
        case="J01",
        file="portal/foundation/setting_rules.py",
        old="    if not parts.password and not development:",
        new="    if False:",
        tests=(
            "tests/foundation/test_settings.py::test_j01_a_queue_elsewhere_is_reached_by_password_and_tls",
        ),
    ),
    Defence(
        case="J01",
        file="portal/foundation/setting_rules.py",
        old='if parts.scheme == "redis" and not development and not _is_this_machine(parts.hostname or ""):',
        new="if False:",
        tests=(
            "tests/foundation/test_settings.py::test_j01_a_queue_elsewhere_is_reached_by_password_and_tls",
        ),
    ),
    Defence(
        case="J01",
        file="portal/foundation/setting_rules.py",
        old='if checks != ("required", True) and not development:',
        new="if False:",
        tests=(
            "tests/foundation/test_settings.py::test_j01_a_queue_elsewhere_is_reached_by_password_and_tls",
        ),
    ),
    Defence(
        case="J02",
        file=QUEUES,
        old="if function not in ALLOWED_JOBS or instance is not None or not plain:",
        new="if False:",
        tests=(
            f"{QTESTS}::test_j02_a_foreign_job_is_refused",
            f"{WORKER}::test_j02_a_worker_runs_only_our_jobs[sqlite]",
        ),
    ),
    Defence(
        case="J02",
        file=QUEUES,
        old="            self.connection.incr(_FOREIGN)\n",
        new="            pass\n",
        tests=(f"{WORKER}::test_j02_a_worker_runs_only_our_jobs[sqlite]",),
    ),
    Defence(
        case="J02",
        file=QUEUES,
        old="if any(len(value) > _MOST_FIELD for value in raw_data.values()):",
        new="if False:",
        tests=(f"{WORKER}::test_j02_a_bomb_is_not_unpacked[sqlite]",),
    ),
    Defence(
        case="J02",
        file=QUEUES,
        old="        except Exception as fault:\n",
        new="        except MemoryError as fault:\n",
        tests=(f"{WORKER}::test_j02_a_job_that_cannot_be_read_stops_no_worker",),
    ),
    Defence(
        case="J02",
        file=QUEUES,
        old="        except ResponseError as fault:",
        new="        except MemoryError as fault:",
        tests=(f"{WORKER}::test_j02_a_job_that_is_no_record_stops_no_worker[sqlite]",),
    ),
    Defence(
        case="J02",
        file="portal/worker.py",
        old="    def subscribe(self) -> None:",
        new="    def takes_no_orders(self) -> None:",
        tests=(f"{WORKER}::test_j02_a_worker_takes_no_orders_through_the_queue[sqlite]",),
    ),
    Defence(
        case="J02",
        file="portal/worker.py",
        old="    def check_for_suspension(self, burst: bool) -> None:",
        new="    def stays_awake(self, burst: bool) -> None:",
        tests=(f"{WORKER}::test_j02_a_worker_takes_no_orders_through_the_queue[sqlite]",),
    ),
    Defence(
        case="J02",
        file=QUEUES,
        old="        self._success_callback_name = self._failure_callback_name = None\n",
        new="",
        tests=(f"{QTESTS}::test_j02_callbacks_and_webhooks_of_a_job_are_dropped",),
    ),
    Defence(
        case="J04",
        file=RULES,
        old="        if ends and ends[0][0] <= now and (own is None or ends[0][0] <= own[0]):",
        new="        if False:",
        tests=(f"{FAULTS}::test_j04_j05_workers_dead_for_two_days_then_two_schedulers[sqlite]",),
    ),
    Defence(
        case="J04",
        file=QUEUES,
        old='    waiting = cast("list[bytes]", redis.lrange(_KEY, 0, _LOOK_AT))\n',
        new="    waiting = [] if redis.set(_KEY + name, 1, nx=True, ex=60) else [begins.encode()]\n",
        tests=(f"{QTESTS}::test_j04_a_worker_that_died_with_a_job_in_hand_holds_up_no_other",),
    ),
    Defence(
        case="J05",
        file=QUEUES,
        old="    if not any(id_.startswith(begins.encode()) for id_ in waiting):",
        new="    if True:",
        tests=(f"{WORKER}::test_j05_two_schedulers_put_one_job[sqlite]",),
    ),
    Defence(
        case="J07",
        file="portal/guests/changes.py",
        old="    _update(tx, rows)\n    record(tx, events)\n",
        new="    _update(tx, rows)\n    tx.connection.connection.commit()\n    record(tx, events)\n",
        tests=(
            f"{SWEEPS}::test_j07_a_worker_killed_at_row_500_of_1000[postgresql]",
            f"{SWEEPS}::test_j07_the_database_restarts_at_row_500_of_1000[postgresql]",
        ),
    ),
    Defence(
        case="J08",
        file=OUTBOX,
        old="        .with_for_update(skip_locked=True)\n",
        new="",
        tests=(
            "tests/delivery/test_changes.py::test_j08_two_workers_never_claim_the_same[postgresql]",
        ),
    ),
    Defence(
        case="J08",
        file="portal/guests/queries.py",
        old="locked += [row_of(row) for row in tx.session.execute(query.with_for_update())]",
        new="locked += [row_of(row) for row in tx.session.execute(query)]",
        tests=(f"{SWEEPS}::test_j08_two_workers_sweep_at_once[postgresql]",),
    ),
    Defence(
        case="J08",
        file="portal/lifecycle/queries.py",
        old='"expired": _of_sponsorships("expires_at", Standing.ACTIVE)',
        new='"expired": _of_sponsorships("expires_at", Standing.ENDED)',
        tests=(f"{SWEEPS}::test_j08_a_finished_job_that_is_queued_again[sqlite]",),
    ),
    Defence(
        case="J09",
        file=LIMITS,
        old="        return _wait(self._own, halved(limits), who, now)",
        new="        return None",
        tests=(
            "tests/web/test_limits.py::test_j09_without_redis_the_limits_are_stricter_and_never_off",
        ),
    ),
    Defence(
        case="J09",
        file=LIMITS,
        old="        return _wait(self._own, halved(limits), who, now)",
        new="        return _wait(self._own, allowed(limits), who, now)",
        tests=(
            "tests/web/test_limits.py::test_j09_without_redis_the_limits_are_stricter_and_never_off",
        ),
    ),
    Defence(
        case="J09",
        file="portal/worker.py",
        old="        Every(DRAIN, DRAIN_SECONDS),\n",
        new="",
        tests=(f"{FAULTS}::test_j09_flushall_in_working_hours[sqlite]",),
    ),
    Defence(
        case="J12",
        file=OUTBOX,
        old="        tx.after_commit.append(wake_drain)",
        new="        wake_drain()",
        tests=(f"{MESSAGES}::test_j12_nobody_is_woken_before_the_commit[sqlite]",),
    ),
    Defence(
        case="J12",
        file="portal/worker.py",
        old="        Every(DRAIN, DRAIN_SECONDS),\n",
        new="",
        tests=(f"{MESSAGES}::test_j12_the_web_dies_between_commit_and_queue[sqlite]",),
    ),
    Defence(
        case="J13",
        file="portal/trust/rules/contract.py",
        old="return datetime.combine(last_day + timedelta(days=1), time(), zone).astimezone(UTC)",
        new="return datetime.combine(last_day, time(), zone).astimezone(UTC) + timedelta(days=1)",
        tests=(
            "tests/sponsorship/test_settling.py::test_j13_a_contract_ends_at_local_midnight",
            "tests/trust/test_contract_rules.py::test_j13_a_day_begins_and_ends_at_local_midnight",
        ),
    ),
    Defence(
        case="J16",
        file="portal/delivery/smtp.py",
        old="        if kind is not None and self._smtp is not None:",
        new="        if False:",
        tests=(f"{MAIL}::test_j16_a_silent_server_is_left_when_the_time_of_the_job_is_up",),
    ),
    Defence(
        case="J16",
        file="portal/delivery/rules.py",
        old="MOST_TRIES = 100",
        new="MOST_TRIES = 5",
        tests=(
            "tests/delivery/test_jobs.py::test_j16_a_mail_server_that_is_down_for_a_day[sqlite]",
        ),
    ),
    Defence(
        case="J16",
        file="portal/delivery/jobs.py",
        old="                    _release(batch[done:])\n                    return counts",
        new='                    raise RuntimeError("no mail server")',
        tests=(
            "tests/delivery/test_jobs.py::test_j16_a_mail_server_that_is_down_for_a_day[sqlite]",
        ),
    ),
    Defence(
        case="J18",
        file="portal/lifecycle/jobs.py",
        old="        if len(ids) > 1:",
        new="        if False:",
        tests=(
            f"{SWEEPS}::test_j18_a_sweep_goes_in_chunks_around_a_poisonous_row[sqlite]",
            "tests/lifecycle/test_sweep.py::test_j18_a_poisonous_row_holds_up_nobody[sqlite]",
        ),
    ),
    Defence(
        case="J18",
        file="portal/lifecycle/jobs.py",
        old='        log.exception("contract not concluded", contract=str(contract.id))\n',
        new="        raise\n",
        tests=(
            "tests/lifecycle/test_sweep.py::test_j18_a_poisonous_contract_holds_up_nobody[sqlite]",
        ),
    ),
    Defence(
        case="J18",
        file="portal/lifecycle/jobs.py",
        old="    except TimeUp:\n        raise  # no row's fault",
        new="    except ZeroDivisionError:\n        raise  # no row's fault",
        tests=(f"{SWEEPS}::test_j18_a_sweep_that_has_had_its_time_stops[sqlite]",),
    ),
    Defence(
        case="L04",
        file="portal/foundation/transaction.py",
        old="            tx.write_kept()\n",
        new="            connection.connection.commit()\n            tx.write_kept()\n",
        tests=(
            "tests/audit/test_changes.py::test_l04_a_database_that_takes_no_event_takes_no_change",
        ),
    ),
    Defence(
        case="L05",
        file="portal/foundation/logs.py",
        old='    return _OPENS_ONCE.sub("-", path)',
        new="    return path",
        tests=("tests/test_app.py::test_l05_a_link_that_opens_once_is_in_no_log[sqlite]",),
    ),
    Defence(
        case="L05",
        file="portal/pages/refusals.py",
        old='personal={"seen": {"detail": failure.detail, "address": request.remote_addr}},',
        new='personal={"seen": {"detail": failure.detail, "address": ""}},',
        tests=("tests/flows/test_refusals.py::test_l05_each_refusal_once[O01-sqlite]",),
    ),
    Defence(
        case="L05",
        file="portal/pages/refusals.py",
        old="            record_refusal(tx, counted, _event(failure, row))\n",
        new="",
        tests=("tests/flows/test_refusals.py::test_l05_each_refusal_once[O01-sqlite]",),
    ),
    Defence(
        case="L05",
        file="portal/pages/refusals.py",
        old="        return BEGUN\n",
        new="        return None\n",
        tests=(
            "tests/flows/test_meanwhile.py::test_l05_l08_what_takes_no_sign_in_hides_none_that_was_begun[sqlite]",
        ),
    ),
    Defence(
        case="L05",
        file="portal/sign_in/connection.py",
        old="    client_secret: str = field(repr=False)",
        new="    client_secret: str",
        tests=("tests/sign_in/test_metadata.py::test_l05_no_secret_in_logs_or_exceptions",),
    ),
)
