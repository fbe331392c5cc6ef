"""The demonstration's passwords are known to everybody, so production refuses its state folder."""

import pytest

from ehr_core.kernel.errors import StartupFailed
from ehr_core.kernel.settings import Settings
from ehr_core.supervisor.demo import DemoSignIn, demo_sign_ins, refuse_demo_in_production, write_demo_sign_ins

ANA = DemoSignIn(app="portal", role="patient", name="Ana", user_name="ana", password="known to all")


def test_production_refuses_a_folder_that_holds_the_demonstration(tmp_path):
    write_demo_sign_ins(tmp_path, [ANA])
    with pytest.raises(StartupFailed, match="known to everybody"):
        refuse_demo_in_production(Settings(state=tmp_path, environment="production"))
    refuse_demo_in_production(Settings(state=tmp_path, environment="demo"))


def test_an_empty_folder_is_fine_and_production_shows_no_sign_ins(tmp_path):
    refuse_demo_in_production(Settings(state=tmp_path, environment="production"))
    write_demo_sign_ins(tmp_path, [ANA])
    assert demo_sign_ins(Settings(state=tmp_path, environment="production")) == []
