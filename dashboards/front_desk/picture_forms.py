"""The photo of a patient: taken or chosen, so that nobody is taken for somebody else."""

from __future__ import annotations

import base64

import streamlit as st

from dashboards.front_desk.part_forms import save_button
from dashboards.front_desk.saving import about
from dashboards.shared.page import remember, told_errors
from dashboards.shared.session import StaffSession
from data_contracts.api.demographics import PatientProfile, SavePicture


@st.dialog("Photo")
def photo_dialog(session: StaffSession, profile: PatientProfile, form: str) -> None:
    """What the camera writes beside a picture (place, time) is not kept."""
    about(profile)
    patient_id = profile.banner.patient_id
    file = st.file_uploader(
        "Photo (JPEG or PNG, at most 10 MB)", type=["jpg", "jpeg", "png"], key=f"{form}-file"
    )
    if st.checkbox("Take it with the camera", key=f"{form}-camera"):
        file = st.camera_input("Camera", key=f"{form}-shot") or file
    if file is not None:
        picture = SavePicture(
            version_id=profile.version_id, data_base64=base64.b64encode(file.getvalue()).decode()
        )
        save_button(form, lambda: session.client.profile.save_photo(patient_id, picture), "Photo saved.")
    if profile.photo is not None and st.button("Remove the photo", key=f"{form}-remove"):
        with told_errors():
            session.client.profile.remove_photo(patient_id, profile.version_id)
            remember("Photo removed.")
            st.rerun()
