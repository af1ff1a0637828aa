"""Django's ORM through its asynchronous methods, over psycopg; no web framework around it."""

from urllib.parse import urlsplit

import django
from django.conf import settings
from django.db import models


async def connect(url):
    """The two queries."""
    parts = urlsplit(url)
    settings.configure(
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.postgresql",
                "NAME": parts.path[1:],
                "USER": parts.username,
                "PASSWORD": parts.password,
                "HOST": parts.hostname,
                "PORT": parts.port,
            }
        },
        USE_TZ=True,
    )
    django.setup()

    class Item(models.Model):
        id = models.BigAutoField(primary_key=True)
        name = models.TextField()
        data = models.JSONField()
        created_at = models.DateTimeField()

        class Meta:
            app_label = "bench"
            db_table = "items"
            managed = False

    async def get(id):
        row = await Item.objects.aget(id=id)
        return row.id, row.name

    async def page(limit):
        return [row async for row in Item.objects.order_by("-id")[:limit]]

    return get, page
