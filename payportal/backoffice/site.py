"""The admin site: allauth logs staff in, and a second factor is asked for."""

from django.contrib import admin


class StaffSite(admin.AdminSite):
    """The one admin site."""

    site_header = "payportal"
    site_title = "payportal"
    index_title = ""
